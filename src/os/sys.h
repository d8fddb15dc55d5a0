/* The kernel, one function a syscall: nasm stubs in asm/sys.asm.
 *
 * Each returns what the kernel returns: >= 0, or -errno. Nothing here sets or reads `errno`.
 * Arguments and results are the kernel's own (section 2 of the manual, less the C library).
 *
 * A test may stand between these functions and the kernel: see os/fault.h and the gate below. */
#ifndef LS_OS_SYS_H
#define LS_OS_SYS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct epoll_event;
struct itimerspec;
struct pollfd;
struct rusage;
struct sockaddr;
struct stat;
struct timespec;

/* struct open_how of <linux/openat2.h>, which not every libc carries. */
struct ls_open_how {
    uint64_t flags, mode, resolve;
};

/* The kernel's struct sigaction for x86-64: `restorer` is asm's own, set by ls_sys_on_signal. */
struct ls_sigaction {
    void (*handler)(int, siginfo_t *, void *); /* NULL is SIG_DFL; LS_SIG_IGN */
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

#define LS_SIG_IGN ((void (*)(int, siginfo_t *, void *))(uintptr_t)1)

int ls_sys_socket(int domain, int type, int protocol);
int ls_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int ls_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int ls_sys_getsockname(int fd, struct sockaddr *address, socklen_t *len);
int ls_sys_bind(int fd, const struct sockaddr *address, socklen_t len);
int ls_sys_listen(int fd, int backlog);
int ls_sys_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int ls_sys_connect(int fd, const struct sockaddr *address, socklen_t len);
int ls_sys_shutdown(int fd, int how);
long ls_sys_sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
                   socklen_t to_len);
long ls_sys_recvfrom(int fd, void *bytes, size_t len, int flags, struct sockaddr *from,
                     socklen_t *from_len);
long ls_sys_sendfile(int to, int from, int64_t *offset, size_t len);

int ls_sys_openat2(int dir, const char *path, const struct ls_open_how *how, size_t size);
int ls_sys_fstat(int fd, struct stat *status);
int ls_sys_newfstatat(int dir, const char *path, struct stat *status, int flags);
int64_t ls_sys_lseek(int fd, int64_t offset, int whence);
long ls_sys_getdents64(int dir, void *entries, size_t len);
int ls_sys_mkdir(const char *path, unsigned mode);
int ls_sys_rmdir(const char *path);
int ls_sys_unlink(const char *path);
long ls_sys_read(int fd, void *bytes, size_t len);
long ls_sys_readv(int fd, const struct iovec *parts, long count);
long ls_sys_pread64(int fd, void *bytes, size_t len, int64_t offset);
long ls_sys_write(int fd, const void *bytes, size_t len);
long ls_sys_writev(int fd, const struct iovec *parts, long count);
int ls_sys_dup(int fd);
int ls_sys_dup3(int from, int to, int flags);
int ls_sys_fcntl(int fd, int command, unsigned long argument);
int ls_sys_pipe2(int ends[2], int flags);
int ls_sys_close(int fd);
int ls_sys_close_range(unsigned first, unsigned last, unsigned flags);

int ls_sys_ppoll(struct pollfd *fds, unsigned count, const struct timespec *timeout,
                 const uint64_t *mask); /* mask size is always 8 */
int ls_sys_epoll_create1(int flags);
int ls_sys_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int ls_sys_epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout_ms,
                       const uint64_t *mask);

int ls_sys_eventfd2(unsigned count, int flags);
int ls_sys_timerfd_create(int clock, int flags);
int ls_sys_timerfd_settime(int fd, int flags, const struct itimerspec *time,
                           struct itimerspec *before);

/* The tids are written where CLONE_PARENT_SETTID and CLONE_CHILD_SETTID ask for it; with CLONE_PIDFD a
 * descriptor is written to *parent_tid. */
int ls_sys_clone(unsigned long flags, void *stack, int *parent_tid, int *child_tid,
                 unsigned long tls);
int ls_sys_wait4(int pid, int *status, int options, struct rusage *usage);
int ls_sys_waitid(int type, int id, siginfo_t *info, int options, struct rusage *usage);
int ls_sys_kill(int pid, int signal);
int ls_sys_rt_sigqueueinfo(int pid, int signal, const siginfo_t *info);
int ls_sys_pidfd_open(int pid, unsigned flags);
int ls_sys_pidfd_send_signal(int pidfd, int signal, const siginfo_t *info, unsigned flags);
int ls_sys_rt_sigaction(int signal, const struct ls_sigaction *action, struct ls_sigaction *old);
int ls_sys_rt_sigprocmask(int how, const uint64_t *set, uint64_t *old);
int ls_sys_rt_sigpending(uint64_t *set);
int ls_sys_rt_sigtimedwait(const uint64_t *set, siginfo_t *info, const struct timespec *timeout);
int ls_sys_signalfd4(int fd, const uint64_t *mask, int flags);
int ls_sys_getpid(void);
int ls_sys_getppid(void);
int ls_sys_setpgid(int pid, int group);
unsigned ls_sys_geteuid(void);
int ls_sys_setgroups(size_t count, const unsigned *groups);
int ls_sys_setresgid(unsigned real, unsigned effective, unsigned saved);
int ls_sys_setresuid(unsigned real, unsigned effective, unsigned saved);
int ls_sys_prctl(int option, unsigned long a2, unsigned long a3, unsigned long a4,
                 unsigned long a5);
int ls_sys_seccomp(unsigned operation, unsigned flags, void *args);
int ls_sys_prlimit64(int pid, int resource, const void *limit, void *old);
int ls_sys_get_robust_list(int pid, void **head, size_t *len);
int ls_sys_set_robust_list(void *head, size_t len);
int ls_sys_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout,
                 uint32_t *word2, uint32_t value3);
int ls_sys_clock_gettime(int clock, struct timespec *time);
long ls_sys_getrandom(void *bytes, size_t len, unsigned flags);
void *ls_sys_mmap(void *at, size_t len, long protection, long flags, long fd,
                  int64_t offset); /* a failure is a pointer in the last page: ls_sys_bad */
int ls_sys_munmap(void *at, size_t len);
int ls_sys_madvise(void *at, size_t len, int advice);
_Noreturn void ls_sys_exit_group(int status);

/* -errno when what ls_sys_mmap gave is a failure, else 0. */
static inline int ls_sys_bad(const void *mapping)
{
    return (uintptr_t)mapping > (uintptr_t)-4096 ? (int)(intptr_t)mapping : 0;
}

int ls_sys_sigaltstack(const stack_t *stack, stack_t *old);

/* rt_sigaction with our own restorer and an empty mask; SA_SIGINFO is added to `flags` (SA_*).
 * `handler` NULL is SIG_DFL. 0 or -errno. */
int ls_sys_on_signal(int signal, void (*handler)(int, siginfo_t *, void *), unsigned long flags);

/* Port between the machine's byte order and the network's: 3000 is 0x0BB8 on the wire. */
uint16_t ls_htons(uint16_t port);
uint16_t ls_ntohs(uint16_t port);

/* Private to os/ and its tests: the gate. While `ls_sys_gate` is not NULL each stub calls
 * `pass` with the number and the arguments as the kernel would get them, and returns its result;
 * ls_sys_raw makes the syscall without asking the gate. `pass` may run in a signal handler and
 * in a child (clone returns twice from it). The upper half of an int argument is undefined.
 * Gates stand in a row: each passes on to the next, the last one to ls_sys_raw. */
struct ls_sys_gate {
    long (*pass)(struct ls_sys_gate *gate, long nr, const long args[6]); /* first: asm reads it */
    struct ls_sys_gate *next;
};

extern struct ls_sys_gate *ls_sys_gate __attribute__((visibility("hidden")));
long ls_sys_raw(long nr, const long args[6]);

#endif
