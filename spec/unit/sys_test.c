/* Every stub of asm/sys.asm: a result, an error, and what order its arguments have. All tests run
 * twice, the second time through a gate, which has to see and to pass on the same arguments. */
#include "unit.h"

#include <arpa/inet.h>
#include <asm/unistd_64.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/slice.h"
#include "os/sys.h"

enum { ERRNO_BEFORE = 7777, CLOSED = 9999, DEADLINE_S = 60 };

/* The call gives -error, and libc's errno is what it was. */
#define CHECK_FAILS(call, error)                                                                   \
    do {                                                                                           \
        errno = ERRNO_BEFORE;                                                                      \
        CHECK_INT(call, -(error));                                                                 \
        CHECK_INT(errno, ERRNO_BEFORE);                                                            \
    } while (0)

__asm__(".section .rodata\n"
        "nr_text: .incbin \"asm/nr.inc\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char nr_text[];

static const struct ls_open_how for_reading = { .flags = O_RDONLY | O_CLOEXEC };
static const struct ls_open_how nameless = { .flags = O_RDWR | O_TMPFILE, .mode = 0600 };

static bool under_valgrind(void)
{
    return getenv("VALGRIND") != NULL;
}

/* A nameless file that holds 0123456789, its offset at 0. */
static int digits_file(void)
{
    int fd = ls_sys_openat2(AT_FDCWD, "/tmp", &nameless, sizeof nameless);
    if (fd < 0) /* valgrind knows no openat2, some file systems no O_TMPFILE */
        fd = dup(fileno(tmpfile()));
    CHECK_INT(ls_sys_write(fd, "0123456789", 10), 10);
    CHECK_INT(ls_sys_lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = ls_htons(port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
}

/* A socket bound to a free port of the loopback; *name gets it. */
static int bound_socket(int type, struct sockaddr_in *name)
{
    socklen_t len = sizeof *name;
    int fd = ls_sys_socket(AF_INET, type, 0);
    *name = loopback(0);
    CHECK(fd >= 0);
    CHECK_INT(ls_sys_bind(fd, (struct sockaddr *)name, len), 0);
    CHECK_INT(ls_sys_getsockname(fd, (struct sockaddr *)name, &len), 0);
    CHECK_INT(len, sizeof *name);
    CHECK(name->sin_port != 0);
    return fd;
}

/* ---- the numbers and the bytes ---- */

#define NUMBER(name)                                                                               \
    {                                                                                              \
#name, __NR_##name                                                                         \
    }

static const struct {
    const char *name;
    int number;
} numbers[] = {
    NUMBER(socket),
    NUMBER(setsockopt),
    NUMBER(getsockopt),
    NUMBER(getsockname),
    NUMBER(bind),
    NUMBER(listen),
    NUMBER(accept4),
    NUMBER(connect),
    NUMBER(shutdown),
    NUMBER(sendto),
    NUMBER(recvfrom),
    NUMBER(sendfile),
    NUMBER(openat2),
    NUMBER(fstat),
    NUMBER(lseek),
    NUMBER(getdents64),
    NUMBER(unlink),
    NUMBER(read),
    NUMBER(readv),
    NUMBER(write),
    NUMBER(writev),
    NUMBER(dup),
    NUMBER(dup3),
    NUMBER(fcntl),
    NUMBER(close),
    NUMBER(close_range),
    NUMBER(ppoll),
    NUMBER(epoll_create1),
    NUMBER(epoll_ctl),
    NUMBER(epoll_pwait),
    NUMBER(clone),
    NUMBER(wait4),
    NUMBER(kill),
    NUMBER(rt_sigaction),
    NUMBER(rt_sigprocmask),
    NUMBER(rt_sigreturn),
    NUMBER(rt_sigqueueinfo),
    NUMBER(signalfd4),
    NUMBER(getpid),
    NUMBER(setpgid),
    NUMBER(prctl),
    NUMBER(prlimit64),
    NUMBER(get_robust_list),
    NUMBER(futex),
    NUMBER(set_robust_list),
    NUMBER(getrandom),
    NUMBER(mmap),
    NUMBER(munmap),
    NUMBER(exit_group),
};

static int number_of(const char *name)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(numbers[i].name, name) == 0)
            return numbers[i].number;
    }
    return -1;
}

static void numbers_are_the_kernels(void)
{
    char name[64];
    int number;
    size_t found = 0;
    for (const char *line = nr_text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "NR_%63s equ %d", name, &number) != 2)
            continue;
        CHECK_INT(number, number_of(name));
        found++;
    }
    CHECK_INT(found, sizeof numbers / sizeof *numbers);
}

static void ports_change_their_byte_order(void)
{
    CHECK_INT(ls_htons(3000), 0xB80B);
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        if (ls_htons((uint16_t)port) != htons((uint16_t)port) ||
            ls_ntohs((uint16_t)port) != ntohs((uint16_t)port))
            CHECK_INT(port, -1);
    }
}

/* ---- files ---- */

static void reads_and_writes_move_bytes(void)
{
    char a[4] = "", b[8] = "";
    struct iovec parts[] = { { a, 3 }, { b, 4 } };
    int fd = digits_file();
    CHECK_INT(ls_sys_lseek(fd, 2, SEEK_SET), 2);
    CHECK_INT(ls_sys_readv(fd, parts, 2), 7);
    CHECK(strcmp(a, "234") == 0 && strcmp(b, "5678") == 0);
    CHECK_INT(ls_sys_read(fd, a, 3), 1);
    CHECK_INT(ls_sys_read(fd, a, 3), 0);
    CHECK_INT(ls_sys_writev(fd, parts, 2), 7);
    CHECK_INT(ls_sys_lseek(fd, 0, SEEK_END), 17);
    CHECK_INT(ls_sys_close(fd), 0);
    CHECK_FAILS(ls_sys_read(CLOSED, a, 1), EBADF);
    CHECK_FAILS(ls_sys_readv(CLOSED, parts, 2), EBADF);
    CHECK_FAILS(ls_sys_write(CLOSED, a, 1), EBADF);
    CHECK_FAILS(ls_sys_writev(CLOSED, parts, 2), EBADF);
    CHECK_FAILS(ls_sys_lseek(CLOSED, 0, SEEK_SET), EBADF);
    CHECK_FAILS(ls_sys_close(CLOSED), EBADF);
}

static void files_are_opened_described_and_unlinked(void)
{
    char path[64];
    const struct ls_open_how make = { .flags = O_WRONLY | O_CREAT | O_EXCL, .mode = 0640 };
    struct stat status;
    if (under_valgrind())
        return;
    snprintf(path, sizeof path, "/tmp/luaserve-sys-test-%d", getpid());
    int fd = ls_sys_openat2(AT_FDCWD, path, &make, sizeof make);
    CHECK(fd >= 0);
    CHECK_INT(ls_sys_write(fd, "abc", 3), 3);
    CHECK_INT(ls_sys_fstat(fd, &status), 0);
    CHECK_INT(status.st_size, 3);
    CHECK(S_ISREG(status.st_mode));
    CHECK_FAILS(ls_sys_openat2(AT_FDCWD, path, &make, sizeof make), EEXIST);
    CHECK_FAILS(ls_sys_openat2(CLOSED, "x", &for_reading, sizeof for_reading), EBADF);
    CHECK_FAILS(ls_sys_openat2(AT_FDCWD, path, &for_reading, 1), EINVAL);
    CHECK_FAILS(ls_sys_fstat(CLOSED, &status), EBADF);
    CHECK_INT(ls_sys_unlink(path), 0);
    CHECK_FAILS(ls_sys_unlink(path), ENOENT);
    ls_sys_close(fd);
}

static void directories_are_listed(void)
{
    char entries[1024];
    int root = open("/", O_RDONLY | O_DIRECTORY);
    CHECK_FAILS(ls_sys_getdents64(root, entries, 1), EINVAL);
    CHECK(ls_sys_getdents64(root, entries, sizeof entries) > 0);
    CHECK_FAILS(ls_sys_getdents64(CLOSED, entries, sizeof entries), EBADF);
    ls_sys_close(root);
}

static void descriptors_are_duplicated_and_closed(void)
{
    int fd = digits_file();
    int again = ls_sys_dup(fd);
    CHECK(again > fd);
    CHECK_INT(ls_sys_fcntl(again, F_GETFD, 0), 0);
    CHECK_INT(ls_sys_dup3(fd, 600, O_CLOEXEC), 600);
    CHECK_INT(ls_sys_fcntl(600, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(ls_sys_fcntl(fd, F_DUPFD, 601), 601);
    CHECK_FAILS(ls_sys_dup(CLOSED), EBADF);
    CHECK_FAILS(ls_sys_dup3(fd, fd, 0), EINVAL);
    CHECK_FAILS(ls_sys_fcntl(CLOSED, F_GETFD, 0), EBADF);
    ls_sys_close(again);
    ls_sys_close(fd);
    if (under_valgrind()) {
        CHECK_INT(ls_sys_close(600) + ls_sys_close(601), 0);
        return;
    }
    CHECK_INT(ls_sys_close_range(600, 601, CLOSE_RANGE_CLOEXEC), 0);
    CHECK_INT(ls_sys_fcntl(601, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(ls_sys_close_range(600, 601, 0), 0);
    CHECK_FAILS(ls_sys_fcntl(601, F_GETFD, 0), EBADF);
    CHECK_FAILS(ls_sys_close_range(2, 1, 0), EINVAL);
}

/* ---- sockets ---- */

static void stream_sockets_connect(void)
{
    struct sockaddr_in name, peer = { 0 }, here = { 0 };
    socklen_t len = sizeof peer;
    int listener = bound_socket(SOCK_STREAM, &name),
        client = ls_sys_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(ls_sys_listen(listener, 5), 0);
    CHECK_INT(ls_sys_connect(client, (struct sockaddr *)&name, sizeof name), 0);
    int fd = ls_sys_accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
    CHECK_INT(ls_sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(len, sizeof peer);
    CHECK_INT(ls_sys_getsockname(client, (struct sockaddr *)&here, &len), 0);
    CHECK_INT(peer.sin_port, here.sin_port);
    CHECK_INT(ls_sys_shutdown(client, SHUT_WR), 0);
    CHECK_INT(ls_sys_read(fd, &(char) { 0 }, 1), 0);
    CHECK_FAILS(ls_sys_socket(AF_INET, SOCK_STREAM, 250), EPROTONOSUPPORT);
    CHECK_FAILS(ls_sys_bind(client, (struct sockaddr *)&name, 1), EINVAL);
    CHECK_FAILS(ls_sys_getsockname(CLOSED, (struct sockaddr *)&here, &len), EBADF);
    CHECK_FAILS(ls_sys_listen(CLOSED, 1), EBADF);
    CHECK_FAILS(ls_sys_accept4(fd, NULL, NULL, 0), EINVAL);
    CHECK_FAILS(ls_sys_connect(client, (struct sockaddr *)&name, sizeof name), EISCONN);
    CHECK_FAILS(ls_sys_shutdown(listener, 99), EINVAL);
    ls_sys_close(fd);
    ls_sys_close(client);
    ls_sys_close(listener);
}

static void socket_options_are_set_and_read(void)
{
    const struct linger linger = { 1, 5 };
    struct linger got = { 0, 0 };
    int on = 1, value = 0, fd = ls_sys_socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof got;
    CHECK_INT(ls_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    CHECK_INT(ls_sys_getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &len), 0);
    CHECK(len == sizeof got && got.l_onoff == 1 && got.l_linger == 5);
    len = sizeof value;
    CHECK_INT(ls_sys_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    CHECK_INT(ls_sys_getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    CHECK_INT(value != 0, 1);
    CHECK_FAILS(ls_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 1), EINVAL);
    CHECK_FAILS(ls_sys_getsockopt(fd, SOL_SOCKET, 9999, &value, &len), ENOPROTOOPT);
    ls_sys_close(fd);
}

static void sendto_and_recvfrom_take_six_arguments(void)
{
    struct sockaddr_in name_a, name_b, from = { 0 };
    socklen_t len = sizeof from;
    char bytes[8] = "";
    int a = bound_socket(SOCK_DGRAM, &name_a), b = bound_socket(SOCK_DGRAM, &name_b);
    CHECK_INT(ls_sys_sendto(a, "hello", 4, MSG_DONTWAIT, (struct sockaddr *)&name_b, len), 4);
    CHECK_INT(ls_sys_recvfrom(b, bytes, 7, MSG_PEEK, (struct sockaddr *)&from, &len), 4);
    CHECK(strcmp(bytes, "hell") == 0);
    CHECK(len == sizeof from && from.sin_port == name_a.sin_port);
    CHECK_INT(ls_sys_recvfrom(b, bytes, 2, MSG_TRUNC, NULL, NULL), 4);
    CHECK_FAILS(ls_sys_recvfrom(b, bytes, 7, MSG_DONTWAIT, NULL, NULL), EAGAIN);
    CHECK_FAILS(ls_sys_sendto(a, "x", 1, 0, (struct sockaddr *)&name_b, 3), EINVAL);
    CHECK_FAILS(ls_sys_sendto(a, "x", 1, 0, NULL, 0), EDESTADDRREQ);
    ls_sys_close(a);
    ls_sys_close(b);
}

static void sendfile_moves_from_an_offset(void)
{
    int pair[2], file = digits_file();
    int64_t offset = 3;
    char bytes[8] = "";
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(ls_sys_sendfile(pair[0], file, &offset, 4), 4);
    CHECK_INT(offset, 7);
    CHECK_INT(ls_sys_read(pair[1], bytes, 7), 4);
    CHECK(strcmp(bytes, "3456") == 0);
    CHECK_FAILS(ls_sys_sendfile(pair[0], CLOSED, &offset, 4), EBADF);
    ls_sys_close(pair[0]);
    ls_sys_close(pair[1]);
    ls_sys_close(file);
}

/* ---- waiting ---- */

static void ppoll_waits_with_a_mask(void)
{
    int ends[2];
    const struct timespec now = { 0, 0 }, bad = { 0, -1 };
    const uint64_t all = ~0ULL;
    CHECK_INT(pipe(ends), 0);
    struct pollfd fds[] = { { ends[0], POLLIN, 0 }, { ends[1], POLLOUT, 0 } };
    CHECK_INT(ls_sys_ppoll(fds, 1, &now, &all), 0);
    CHECK_INT(ls_sys_ppoll(fds, 2, NULL, &all), 1);
    CHECK_INT(fds[1].revents, POLLOUT);
    CHECK_INT(ls_sys_kill(ls_sys_getpid(), 0), 0);
    CHECK_FAILS(ls_sys_ppoll(fds, 2, &bad, NULL), EINVAL);
    ls_sys_close(ends[0]);
    ls_sys_close(ends[1]);
}

static void epoll_reports_events(void)
{
    int ends[2], epoll = ls_sys_epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { EPOLLIN, { .u64 = 0x1122334455667788 } }, got[2];
    const uint64_t all = ~0ULL;
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(ls_sys_fcntl(epoll, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(ls_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    CHECK_INT(ls_sys_epoll_pwait(epoll, got, 2, 0, &all), 0);
    CHECK_INT(ls_sys_write(ends[1], "x", 1), 1);
    CHECK_INT(ls_sys_epoll_pwait(epoll, got, 2, -1, &all), 1);
    CHECK(got[0].data.u64 == event.data.u64);
    CHECK_FAILS(ls_sys_epoll_create1(1), EINVAL);
    CHECK_FAILS(ls_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
    CHECK_FAILS(ls_sys_epoll_pwait(epoll, got, 0, 0, NULL), EINVAL);
    ls_sys_close(ends[0]);
    ls_sys_close(ends[1]);
    ls_sys_close(epoll);
}

static void futex_takes_six_arguments(void)
{
    uint32_t a = 5, b = 0;
    const struct timespec soon = { 0, 1000 };
    const int set = FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0);
    CHECK_INT(ls_sys_futex(&a, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    CHECK_INT(ls_sys_futex(&a, FUTEX_WAKE_OP, 1, NULL, &b, (uint32_t)set), 0);
    CHECK_INT(b, 7);
    CHECK_INT(ls_sys_futex(&a, FUTEX_CMP_REQUEUE, 1, NULL, &b, 5), 0);
    CHECK_FAILS(ls_sys_futex(&a, FUTEX_CMP_REQUEUE, 1, NULL, &b, 6), EAGAIN);
    CHECK_FAILS(ls_sys_futex(&a, FUTEX_WAIT, 6, &soon, NULL, 0), EAGAIN);
    CHECK_FAILS(ls_sys_futex(&a, FUTEX_WAIT, 5, &soon, NULL, 0), ETIMEDOUT);
}

/* ---- processes and signals ---- */

static void clone_and_wait4_carry_tids_and_status(void)
{
    int here = 0, there = 0, status = 0, pid = 0;
    struct rusage usage = { 0 };
    const unsigned long how = SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID;
    pid = ls_sys_clone(how, NULL, &here, &there, 0);
    if (pid == 0)
        ls_sys_exit_group(there == ls_sys_getpid() ? 42 : 1);
    CHECK(pid > 0);
    CHECK_INT(here, pid);
    CHECK_INT(there, 0);
    CHECK_INT(ls_sys_setpgid(CLOSED, -1), -EINVAL);
    CHECK_INT(ls_sys_wait4(pid, &status, 0, &usage), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    CHECK(usage.ru_minflt > 0);
    CHECK_FAILS(ls_sys_wait4(-1, &status, 0, NULL), ECHILD);
    if (!under_valgrind())
        CHECK_FAILS(ls_sys_clone(CLONE_THREAD, NULL, NULL, NULL, 0), EINVAL);
}

static void setpgid_makes_a_group(void)
{
    int status = 0, pid = ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0) {
        ls_sys_ppoll(NULL, 0, &(struct timespec) { DEADLINE_S, 0 }, NULL);
        ls_sys_exit_group(1);
    }
    CHECK_INT(ls_sys_setpgid(pid, 0), 0);
    CHECK_INT(getpgid(pid), pid);
    CHECK_FAILS(ls_sys_setpgid(pid, -1), EINVAL);
    CHECK_INT(ls_sys_kill(-pid, SIGTERM), 0);
    CHECK_INT(ls_sys_wait4(pid, &status, 0, NULL), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK_FAILS(ls_sys_kill(pid, 0), ESRCH);
}

static volatile sig_atomic_t handled, sender;

static void remember(int signal, siginfo_t *info, void *context)
{
    handled = signal;
    sender = context ? info->si_pid : -1;
}

static void handlers_run_and_return(void)
{
    struct ls_sigaction old = { 0 };
    const struct ls_sigaction ignore = { .handler = LS_SIG_IGN };
    CHECK_INT(ls_sys_on_signal(SIGUSR1, remember, SA_RESTART), 0);
    CHECK_INT(ls_sys_kill(ls_sys_getpid(), SIGUSR1), 0);
    CHECK_INT(handled, SIGUSR1);
    CHECK_INT(sender, ls_sys_getpid());
    CHECK_INT(ls_sys_rt_sigaction(SIGUSR1, &ignore, &old), 0);
    CHECK(old.handler == remember && (old.flags & SA_RESTART) && (old.flags & SA_SIGINFO));
    CHECK_INT(old.mask, 0);
    CHECK_INT(ls_sys_kill(ls_sys_getpid(), SIGUSR1), 0);
    CHECK_INT(ls_sys_on_signal(SIGUSR1, NULL, 0), 0);
    CHECK_FAILS(ls_sys_on_signal(SIGKILL, remember, 0), EINVAL);
    CHECK_FAILS(ls_sys_rt_sigaction(999, NULL, &old), EINVAL);
    handled = 0;
}

static void signals_queue_behind_the_mask(void)
{
    const uint64_t usr2 = 1ULL << (SIGUSR2 - 1);
    uint64_t before = 0, now = 0;
    struct signalfd_siginfo got;
    siginfo_t info = { 0 };
    info.si_code = SI_QUEUE;
    info.si_pid = ls_sys_getpid();
    info.si_value.sival_int = 4711;
    CHECK_INT(ls_sys_rt_sigprocmask(SIG_BLOCK, &usr2, &before), 0);
    CHECK_INT(ls_sys_rt_sigprocmask(SIG_BLOCK, NULL, &now), 0);
    CHECK(now == (before | usr2));
    int fd = ls_sys_signalfd4(-1, &usr2, SFD_NONBLOCK | SFD_CLOEXEC);
    CHECK_INT(ls_sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
    CHECK_FAILS(ls_sys_read(fd, &got, sizeof got), EAGAIN);
    CHECK_INT(ls_sys_rt_sigqueueinfo(ls_sys_getpid(), SIGUSR2, &info), 0);
    CHECK_INT(ls_sys_read(fd, &got, sizeof got), sizeof got);
    CHECK(got.ssi_signo == SIGUSR2 && got.ssi_int == 4711);
    CHECK_INT(ls_sys_rt_sigprocmask(SIG_SETMASK, &before, NULL), 0);
    CHECK_FAILS(ls_sys_rt_sigprocmask(99, &usr2, NULL), EINVAL);
    CHECK_FAILS(ls_sys_signalfd4(fd, &usr2, 1), EINVAL);
    CHECK_FAILS(ls_sys_rt_sigqueueinfo(ls_sys_getpid(), 999, &info), EINVAL);
    ls_sys_close(fd);
}

static void masks_hold_while_waiting(void)
{
    const uint64_t none = 0, usr1 = 1ULL << (SIGUSR1 - 1);
    const struct timespec long_enough = { DEADLINE_S, 0 };
    struct epoll_event event;
    uint64_t before;
    int epoll = ls_sys_epoll_create1(0);
    ls_sys_on_signal(SIGUSR1, remember, 0);
    ls_sys_rt_sigprocmask(SIG_BLOCK, &usr1, &before);
    ls_sys_kill(ls_sys_getpid(), SIGUSR1);
    CHECK_INT(handled, 0);
    CHECK_FAILS(ls_sys_ppoll(NULL, 0, &long_enough, &none), EINTR);
    CHECK_INT(handled, SIGUSR1);
    ls_sys_kill(ls_sys_getpid(), SIGUSR1);
    CHECK_FAILS(ls_sys_epoll_pwait(epoll, &event, 1, DEADLINE_S * 1000, &none), EINTR);
    ls_sys_rt_sigprocmask(SIG_SETMASK, &before, NULL);
    ls_sys_on_signal(SIGUSR1, NULL, 0);
    ls_sys_close(epoll);
    handled = 0;
}

/* ---- the process itself ---- */

static void limits_and_names_are_read_and_set(void)
{
    struct rlimit limit = { 0, 0 }, same;
    void *head = NULL;
    size_t len = 0;
    char name[16] = "";
    CHECK_INT(ls_sys_getpid(), getpid());
    CHECK_INT(getrlimit(RLIMIT_STACK, &same), 0);
    CHECK_INT(ls_sys_prlimit64(0, RLIMIT_STACK, NULL, &limit), 0);
    CHECK(limit.rlim_cur == same.rlim_cur && limit.rlim_max == same.rlim_max);
    CHECK_INT(ls_sys_prlimit64(0, RLIMIT_STACK, &limit, NULL), 0);
    CHECK_FAILS(ls_sys_prlimit64(0, 99, NULL, &limit), EINVAL);
    CHECK_INT(ls_sys_prctl(PR_SET_NAME, (unsigned long)"sys_test", 0, 0, 0), 0);
    CHECK_INT(ls_sys_prctl(PR_GET_NAME, (unsigned long)name, 0, 0, 0), 0);
    CHECK(strcmp(name, "sys_test") == 0);
    CHECK_FAILS(ls_sys_prctl(PR_GET_SECCOMP + 1000, 0, 0, 0, 0), EINVAL);
    CHECK_INT(ls_sys_get_robust_list(0, &head, &len), 0);
    CHECK(len == sizeof(struct robust_list_head) && head);
    CHECK_INT(ls_sys_set_robust_list(head, len), 0);
    CHECK_FAILS(ls_sys_set_robust_list(head, 1), EINVAL);
    CHECK_FAILS(ls_sys_get_robust_list(0x3FFFFFFF, &head, &len), ESRCH);
}

static void prctl_takes_five_arguments(void)
{
    if (under_valgrind())
        return;
    CHECK_INT(ls_sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_FAILS(ls_sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
    CHECK_FAILS(ls_sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 1, 0), EINVAL);
    CHECK_FAILS(ls_sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1), EINVAL);
}

static void randomness_differs(void)
{
    uint64_t a = 0, b = 0;
    CHECK_INT(ls_sys_getrandom(&a, sizeof a, 0), sizeof a);
    CHECK_INT(ls_sys_getrandom(&b, 7, 0), 7);
    CHECK(a != b && b >> 56 == 0);
    CHECK_FAILS(ls_sys_getrandom(&a, sizeof a, 0x8000), EINVAL);
}

static void mmap_takes_six_arguments(void)
{
    enum { PAGE = 4096 };
    int fd = digits_file();
    CHECK_INT(ls_sys_lseek(fd, PAGE, SEEK_SET), PAGE);
    CHECK_INT(ls_sys_write(fd, "second", 6), 6);
    char *page = ls_sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    CHECK_INT(ls_sys_bad(page), 0);
    CHECK(memcmp(page, "second", 6) == 0);
    page[0] = 'S';
    CHECK_INT(ls_sys_munmap(page, PAGE), 0);
    CHECK_FAILS(ls_sys_bad(ls_sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, CLOSED, 0)), EBADF);
    CHECK_FAILS(ls_sys_munmap((void *)1, PAGE), EINVAL);
    ls_sys_close(fd);
}

/* ---- the same through a gate ---- */

static void all_hold_through_a_gate(void);

static const struct unit_test tests[] = {
    { "the numbers in nr.inc are the kernel's", numbers_are_the_kernels },
    { "ports change their byte order", ports_change_their_byte_order },
    { "reads and writes move bytes", reads_and_writes_move_bytes },
    { "files are opened, described and unlinked", files_are_opened_described_and_unlinked },
    { "directories are listed", directories_are_listed },
    { "descriptors are duplicated and closed", descriptors_are_duplicated_and_closed },
    { "stream sockets connect", stream_sockets_connect },
    { "socket options are set and read", socket_options_are_set_and_read },
    { "sendto and recvfrom take six arguments", sendto_and_recvfrom_take_six_arguments },
    { "sendfile moves from an offset", sendfile_moves_from_an_offset },
    { "ppoll waits with a mask", ppoll_waits_with_a_mask },
    { "epoll reports events", epoll_reports_events },
    { "futex takes six arguments", futex_takes_six_arguments },
    { "clone and wait4 carry tids and status", clone_and_wait4_carry_tids_and_status },
    { "setpgid makes a group", setpgid_makes_a_group },
    { "handlers run and return", handlers_run_and_return },
    { "signals queue behind the mask", signals_queue_behind_the_mask },
    { "masks hold while waiting", masks_hold_while_waiting },
    { "limits and names are read and set", limits_and_names_are_read_and_set },
    { "prctl takes five arguments", prctl_takes_five_arguments },
    { "randomness differs", randomness_differs },
    { "mmap takes six arguments", mmap_takes_six_arguments },
    { "all of that holds through a gate", all_hold_through_a_gate },
};

struct counting {
    struct ls_sys_gate gate;
    bool misaligned;
    bool seen[512]; /* by number */
};

/* Its own frame tells how the stub left the stack: 16 bytes aligned before the call. */
static long count_and_pass(struct ls_sys_gate *gate, long nr, const long args[6])
{
    struct counting *counting = (struct counting *)gate;
    counting->misaligned |= (uintptr_t)__builtin_frame_address(0) % 16 != 0;
    counting->seen[nr] = true;
    return ls_sys_raw(nr, args);
}

static void all_hold_through_a_gate(void)
{
    static struct counting counting = { .gate = { count_and_pass } };
    ls_sys_gate = &counting.gate;
    for (size_t i = 0; tests[i].run != all_hold_through_a_gate; i++)
        tests[i].run();
    int pid = ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0), status = 0;
    if (pid == 0)
        ls_sys_exit_group(counting.seen[__NR_clone] ? 7 : 1);
    CHECK_INT(ls_sys_wait4(pid, &status, 0, NULL), pid);
    CHECK_INT(WEXITSTATUS(status), 7);
    ls_sys_gate = NULL;
    counting.seen[__NR_exit_group] = true;   /* in the children only: the clone's status is 42 */
    counting.seen[__NR_rt_sigreturn] = true; /* no stub */
    CHECK(!counting.misaligned);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !under_valgrind(); i++) {
        if (!counting.seen[numbers[i].number])
            fprintf(stderr, "not seen: %s\n", numbers[i].name);
        CHECK(counting.seen[numbers[i].number]);
    }
}

int main(void)
{
    alarm(DEADLINE_S);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
