#include "server/sandbox.h"

#include <asm/unistd_64.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/sys.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    BY_NUMBER = 2,     /* SCMP_FLTATR_CTL_OPTIMIZE: the filter is a tree, and not a list */
    INT = -1,          /* as a mask: all that the kernel looks at of an int */
    SOCKET_KIND = 0xf, /* of socketpair's type: SOCK_STREAM …, without the flags */
    MAKE_NAMELESS = O_TMPFILE & ~O_DIRECTORY,
};

/* Numbers that the headers may be too old for. */
enum {
    NR_FCHMODAT2 = 452,
    NR_SETXATTRAT = 463,
    NR_REMOVEXATTRAT = 466,
    NR_OPEN_TREE_ATTR = 467,
    NR_FILE_SETATTR = 469,
};

struct ls_sandbox {
    unsigned short count;
    struct sock_filter steps[];
};

struct library {
    void *handle;
    scmp_filter_ctx (*init)(uint32_t action);
    void (*release)(scmp_filter_ctx);
    int (*set)(scmp_filter_ctx, enum scmp_filter_attr, uint32_t value);
    int (*add)(scmp_filter_ctx, uint32_t action, int nr, unsigned count,
               const struct scmp_arg_cmp *);
    int (*export)(const scmp_filter_ctx, int fd);
};

struct builder {
    struct library library;
    scmp_filter_ctx filter;
    int result; /* of the first call that failed, or 0 */
};

/* A syscall that is forbidden with some arguments. Several for the same one: any of them.
 *
 * The kernel does not look at the upper half of an int, and neither does a mask whose upper half
 * is empty. */
struct condition {
    int nr;
    struct scmp_arg_cmp argument;
};

/* clang-format off */
#define SYS(name)              __NR_##name
#define IS(arg, mask, value)   { arg, SCMP_CMP_MASKED_EQ, (uint32_t)(mask), (uint32_t)(value) }
#define HAS(arg, bit)          IS(arg, bit, bit)
#define LACKS(arg, bit)        IS(arg, bit, 0)
#define OPENING(bit)           { SYS(open), HAS(1, bit) }, { SYS(openat), HAS(2, bit) }

static const int always[] = {
    SYS(io_uring_setup), SYS(io_uring_enter), SYS(io_uring_register), /* ask the kernel unseen */
    SYS(ptrace), SYS(process_vm_readv), SYS(process_vm_writev), SYS(pidfd_getfd),
    SYS(mount), SYS(umount2), SYS(pivot_root), SYS(chroot), SYS(setns), SYS(unshare),
    SYS(open_tree), SYS(move_mount), SYS(fsopen), SYS(fsconfig), SYS(fsmount), SYS(fspick),
    SYS(mount_setattr), NR_OPEN_TREE_ATTR,
    SYS(init_module), SYS(finit_module), SYS(delete_module), SYS(kexec_load), SYS(kexec_file_load),
    SYS(bpf), SYS(userfaultfd), SYS(perf_event_open), SYS(open_by_handle_at),
    SYS(add_key), SYS(keyctl), SYS(request_key),
};

static const struct condition always_if[] = {
    { SYS(clone), HAS(0, CLONE_NEWNS) },   { SYS(clone), HAS(0, CLONE_NEWCGROUP) },
    { SYS(clone), HAS(0, CLONE_NEWUTS) },  { SYS(clone), HAS(0, CLONE_NEWIPC) },
    { SYS(clone), HAS(0, CLONE_NEWUSER) }, { SYS(clone), HAS(0, CLONE_NEWPID) },
    { SYS(clone), HAS(0, CLONE_NEWNET) },
    { SYS(ioctl), IS(1, INT, TIOCSTI) },   { SYS(ioctl), IS(1, INT, TIOCLINUX) },
};

static const int processes[] = { SYS(fork), SYS(vfork), SYS(execve), SYS(execveat) };

static const struct condition processes_if[] = { { SYS(clone), LACKS(0, CLONE_THREAD) } };

static const int connections[] = { SYS(socket), SYS(connect), SYS(bind), SYS(listen) };

static const struct condition connections_if[] = {
    { SYS(sendto), { 4, SCMP_CMP_NE, 0, 0 } },
    /* With the pairs below sendmsg reaches any address, connected though they are. */
    { SYS(socketpair), IS(1, SOCKET_KIND, SOCK_DGRAM) },
    { SYS(socketpair), IS(1, SOCKET_KIND, SOCK_RAW) }, /* for Unix sockets the same */
    { SYS(socketpair), IS(0, INT, AF_TIPC) },
};

static const int changes[] = {
    SYS(creat), SYS(truncate), SYS(unlink), SYS(unlinkat), SYS(rmdir), SYS(mkdir), SYS(mkdirat),
    SYS(rename), SYS(renameat), SYS(renameat2), SYS(link), SYS(linkat), SYS(symlink),
    SYS(symlinkat), SYS(mknod), SYS(mknodat),
    SYS(chmod), SYS(fchmod), SYS(fchmodat), NR_FCHMODAT2,
    SYS(chown), SYS(fchown), SYS(lchown), SYS(fchownat),
    SYS(utime), SYS(utimes), SYS(utimensat), SYS(futimesat),
    SYS(setxattr), SYS(lsetxattr), SYS(fsetxattr), NR_SETXATTRAT, NR_FILE_SETATTR,
    SYS(removexattr), SYS(lremovexattr), SYS(fremovexattr), NR_REMOVEXATTRAT,
};

static const struct condition changes_if[] = {
    OPENING(O_WRONLY), OPENING(O_RDWR), OPENING(O_CREAT), OPENING(O_TRUNC), OPENING(MAKE_NAMELESS),
};

static const int opens[] = { SYS(open), SYS(openat) };
/* clang-format on */

static int load(struct library *l)
{
    l->handle = dlopen("libseccomp.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!l->handle)
        return -ENOSYS;
    *(void **)&l->init = dlsym(l->handle, "seccomp_init");
    *(void **)&l->release = dlsym(l->handle, "seccomp_release");
    *(void **)&l->set = dlsym(l->handle, "seccomp_attr_set");
    *(void **)&l->add = dlsym(l->handle, "seccomp_rule_add_exact_array");
    *(void **)&l->export = dlsym(l->handle, "seccomp_export_bpf");
    return l->init && l->release && l->set && l->add && l->export ? 0 : -ENOSYS;
}

static void unload(struct library *l)
{
    if (l->handle)
        dlclose(l->handle);
}

static void set(struct builder *b, enum scmp_filter_attr attribute, uint32_t value)
{
    if (b->result == 0)
        b->result = b->library.set(b->filter, attribute, value);
}

static void forbid(struct builder *b, const int *numbers, size_t count)
{
    for (size_t i = 0; i < count && b->result == 0; i++)
        b->result = b->library.add(b->filter, SCMP_ACT_ERRNO(EPERM), numbers[i], 0, NULL);
}

static void forbid_if(struct builder *b, const struct condition *conditions, size_t count)
{
    for (size_t i = 0; i < count && b->result == 0; i++)
        b->result = b->library.add(b->filter, SCMP_ACT_ERRNO(EPERM), conditions[i].nr, 1,
                                   &conditions[i].argument);
}

static void forbid_always(struct builder *b)
{
    set(b, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    set(b, SCMP_FLTATR_CTL_OPTIMIZE, BY_NUMBER);
    forbid(b, always, COUNT(always));
    forbid_if(b, always_if, COUNT(always_if));
    if (b->result == 0)
        b->result = b->library.add(b->filter, SCMP_ACT_ERRNO(ENOSYS), SYS(clone3), 0, NULL);
}

static void forbid_files(struct builder *b, enum ls_sandbox_files allowed)
{
    if (allowed == LS_FILES_WRITE)
        return;
    forbid(b, changes, COUNT(changes));
    if (allowed == LS_FILES_READ)
        forbid_if(b, changes_if, COUNT(changes_if));
    else
        forbid(b, opens, COUNT(opens));
}

static int describe(struct builder *b, const struct ls_sandbox_rules *rules)
{
    b->filter = b->library.init(SCMP_ACT_ALLOW);
    if (!b->filter)
        return -ENOMEM;
    forbid_always(b);
    if (!rules->processes) {
        forbid(b, processes, COUNT(processes));
        forbid_if(b, processes_if, COUNT(processes_if));
    }
    if (!rules->connect) {
        forbid(b, connections, COUNT(connections));
        forbid_if(b, connections_if, COUNT(connections_if));
    }
    forbid_files(b, rules->files);
    return b->result;
}

/* The steps that have been written to `fd`. */
static int read_back(int fd, struct ls_sandbox **sandbox)
{
    int64_t size = ls_sys_lseek(fd, 0, SEEK_END);
    if (size < 0)
        return (int)size;
    size_t count = (size_t)size / sizeof(struct sock_filter);
    if (count == 0 || count > BPF_MAXINSNS)
        return -E2BIG;
    struct ls_sandbox *s = malloc(sizeof *s + (size_t)size);
    if (!s)
        return -ENOMEM;
    s->count = (unsigned short)count;
    long got = ls_sys_pread64(fd, s->steps, (size_t)size, 0);
    if (got == size)
        *sandbox = s;
    else
        free(s);
    return got == size ? 0 : got < 0 ? (int)got : -EIO;
}

/* The library writes to a descriptor, and the older ones to nothing else. */
static int compile(struct builder *b, struct ls_sandbox **sandbox)
{
    int fd = memfd_create("luaserve sandbox", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = b->library.export(b->filter, fd);
    if (result == 0)
        result = read_back(fd, sandbox);
    ls_sys_close(fd);
    return result;
}

int ls_sandbox_new(const struct ls_sandbox_rules *rules, struct ls_sandbox **sandbox)
{
    struct builder b = { .filter = NULL };
    *sandbox = NULL;
    if (rules->processes && rules->connect && rules->files == LS_FILES_WRITE)
        return 0;
    int result = load(&b.library);
    if (result == 0)
        result = describe(&b, rules);
    if (result == 0)
        result = compile(&b, sandbox);
    if (b.filter)
        b.library.release(b.filter);
    unload(&b.library);
    return result;
}

void ls_sandbox_free(struct ls_sandbox **sandbox)
{
    free(*sandbox);
    *sandbox = NULL;
}

int ls_sandbox_enter(const struct ls_sandbox *sandbox)
{
    struct sock_fprog program = { sandbox->count, (struct sock_filter *)sandbox->steps };
    return ls_sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program);
}
