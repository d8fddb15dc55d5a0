/* For the two tests of asm/sys.asm, sys_test.c and sys_process_test.c: which stubs there are, what
 * a failure has to leave alone, and all tests once more through a gate. */
#ifndef STUBS_H
#define STUBS_H

#include "unit.h"

#include <asm/unistd_64.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include "os/calls.h"
#include "os/sys.h"

enum { ERRNO_BEFORE = 7777, CLOSED = 9999, DEADLINE_S = 60 };

/* The call gives -error, and libc's errno is what it was. */
#define CHECK_FAILS(call, error)                                                                   \
    do {                                                                                           \
        errno = ERRNO_BEFORE;                                                                      \
        CHECK_INT(call, -(error));                                                                 \
        CHECK_INT(errno, ERRNO_BEFORE);                                                            \
    } while (0)

enum stub_test { SYS_TEST, SYS_PROCESS_TEST }; /* which of the two calls a stub */

struct stub {
    const char *name;
    int number;
    enum stub_test test;
};

/* clang-format off */
#define S(name) { #name, __NR_##name, SYS_TEST }
#define P(name) { #name, __NR_##name, SYS_PROCESS_TEST }

static const struct stub stubs[] = {
    S(socket),        S(setsockopt),    S(getsockopt),    S(getsockname),
    S(bind),          S(listen),        S(accept4),       S(connect),
    S(shutdown),      S(sendto),        S(recvfrom),      S(sendfile),
    S(openat2),       S(fstat), S(newfstatat),         S(lseek),         S(getdents64),
    S(mkdir), S(rmdir), S(unlink),        S(read),          S(readv),         S(pread64),       S(write),
    S(writev),        S(dup),           S(dup3),          S(fcntl), S(pipe2),
    S(close),         S(close_range),   S(ppoll),         S(epoll_create1),
    S(eventfd2), S(epoll_ctl),     S(epoll_pwait),   S(mmap),          S(munmap), S(madvise),
    P(clone),           P(wait4),           P(waitid),          P(kill),
    P(rt_sigqueueinfo), P(pidfd_send_signal), P(rt_sigaction),    P(rt_sigprocmask),  P(signalfd4),
    P(getpid),          P(getppid),
    P(setpgid),         P(prctl),           P(seccomp),         P(prlimit64),
    P(get_robust_list), P(set_robust_list), P(futex),           P(getrandom),
    P(clock_gettime),   P(geteuid),         P(sigaltstack),     P(setgroups),
    P(setresgid),       P(setresuid),
    P(pidfd_open),      P(timerfd_create),  P(timerfd_settime), P(rt_sigpending),
    P(rt_sigtimedwait), P(exit_group),
};
/* clang-format on */

enum { STUBS = sizeof stubs / sizeof *stubs };

static inline bool under_valgrind(void)
{
    return getenv("VALGRIND") != NULL;
}

struct counting {
    struct ls_sys_gate gate;
    bool misaligned;
    bool seen[512]; /* by number */
};

/* Its own frame tells how the stub left the stack: 16 bytes aligned before the call. */
static inline long count_and_pass(struct ls_sys_gate *gate, long nr, const long args[6])
{
    struct counting *counting = (struct counting *)gate;
    counting->misaligned |= (uintptr_t)__builtin_frame_address(0) % 16 != 0;
    counting->seen[nr] = true;
    return ls_sys_raw(nr, args);
}

/* exit_group cannot come back to say so: a child's status does. */
static inline void check_exit_group(struct counting *counting)
{
    int status = 0, pid = ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0)
        ls_sys_exit_group(counting->seen[__NR_clone] ? 42 : 1);
    CHECK_INT(ls_sys_wait4(pid, &status, 0, NULL), pid);
    CHECK_INT(status, 42 << 8);
    counting->seen[__NR_exit_group] = true;
}

/* All tests before `last`, with a gate that passes everything on; it must see each stub of theirs. */
static inline void check_through_gate(const struct unit_test *tests, void (*last)(void),
                                      enum stub_test test)
{
    static struct counting counting = { .gate.pass = count_and_pass };
    ls_sys_gate = &counting.gate;
    for (size_t i = 0; tests[i].run != last; i++)
        tests[i].run();
    check_exit_group(&counting);
    ls_sys_gate = NULL;
    CHECK(!counting.misaligned);
    for (int i = 0; i < STUBS && !under_valgrind(); i++) {
        if (stubs[i].test == test && !counting.seen[stubs[i].number])
            fprintf(stderr, "not seen: %s\n", stubs[i].name);
        CHECK(stubs[i].test != test || counting.seen[stubs[i].number]);
        CHECK(ls_call_of((uint64_t)stubs[i].number)); /* the ledger knows its arguments */
    }
}

#endif
