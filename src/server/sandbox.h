/* What the handlers of a worker may not ask the kernel for: a filter of syscalls (seccomp(2)),
 * built once by the system's libseccomp and installed in each worker. The library is loaded while
 * a filter is built, and not linked.
 *
 * What is forbidden fails with EPERM: a Lua handler gets nil, a message and 1. The syscalls of
 * i386 and x32 all fail, so that none of them is a way around. Every sandbox also forbids what
 * reaches past it: io_uring, ptrace and the memory and descriptors of other processes, mounts,
 * namespaces, modules, kexec, bpf, userfaultfd, perf, kernel keys, files by handle, and typing
 * into a terminal. clone3 fails with ENOSYS everywhere: its flags lie in memory, and the C library
 * then takes clone.
 *
 * Limits. A filter sees the arguments of a syscall, but neither memory nor paths. Hence:
 * - openat2 stays allowed, since the server opens the files of its www folder with it: C code in a
 *   handler can open whatever it likes. Neither Lua's io nor the C library's fopen calls it.
 * - What the C library makes of EPERM is its own: the popen of glibc 2.36 says ENOMEM, its system
 *   that the shell ended with 127.
 * - Descriptors that are open at ls_sandbox_enter stay as they are. A socket among them that is
 *   not connected can be given an address by sendmsg.
 * - Where files may be written, so may scripts and programs that others run. Where files may be
 *   opened, the memory of other processes of the same user is one (/proc/N/mem), also of the
 *   supervisor, unless the system forbids it (yama) or they do (PR_SET_DUMPABLE).
 * - Where files may not be opened, names, sizes and times can still be asked for; and the C library
 *   and Lua find nothing that they open late: time zones, modules, name servers. What is needed
 *   has to be loaded before.
 * - ioctl can change flags of a file that is open for reading; bind makes the file of a Unix
 *   socket where `connect` allows it.
 * - kill and prlimit64 reach every process of the same user.
 * - Syscalls of kernels after Linux 6.18 are allowed. */
#ifndef LS_SERVER_SANDBOX_H
#define LS_SERVER_SANDBOX_H

#include <stdbool.h>

enum ls_sandbox_files {
    LS_FILES_WRITE, /* everything */
    LS_FILES_READ,  /* no file is written, made, removed, renamed; no owner, mode, time changed */
    LS_FILES_NONE   /* nor opened */
};

struct ls_sandbox_rules { /* what is allowed */
    bool processes;       /* new processes and programs; threads always */
    bool connect;         /* new sockets, but for pairs of streams; sending to an address */
    enum ls_sandbox_files files;
};

struct ls_sandbox; /* a filter; immutable: any number of processes may enter it */

/* 0, with *sandbox NULL where the rules allow everything; -ENOSYS: libseccomp.so.2 cannot be
 * loaded; or another -errno. *sandbox is NULL after a failure. */
int ls_sandbox_new(const struct ls_sandbox_rules *rules, struct ls_sandbox **sandbox);

void ls_sandbox_free(struct ls_sandbox **sandbox);

/* For good, for the calling thread and all that it starts from now on. no_new_privs has to be set
 * (prctl(2)). 0; -EACCES: it is not; -EINVAL, -ENOSYS: the kernel has no filters. */
int ls_sandbox_enter(const struct ls_sandbox *sandbox);

#endif
