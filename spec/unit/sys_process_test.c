/* The stubs for processes, signals and the process itself: see sys_test.c. */
#include "stubs.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

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
    siginfo_t info = { .si_signo = 0 };
    CHECK_INT(ls_sys_waitid(P_PID, pid, &info, WEXITED | WNOWAIT, NULL), 0);
    CHECK_INT(info.si_pid, pid);
    CHECK_INT(info.si_status, 42);
    CHECK_INT(ls_sys_wait4(pid, &status, 0, &usage), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    CHECK(usage.ru_minflt > 0);
    CHECK_FAILS(ls_sys_wait4(-1, &status, 0, NULL), ECHILD);
    CHECK_FAILS(ls_sys_waitid(P_ALL, 0, &info, WEXITED, NULL), ECHILD);
    CHECK_INT(ls_sys_getppid(), getppid());
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

static void signals_go_by_descriptor(void)
{
    if (under_valgrind())
        return;
    int pidfd = -1, status = 0;
    int pid = ls_sys_clone(SIGCHLD | CLONE_PIDFD, NULL, &pidfd, NULL, 0);
    if (pid == 0) {
        pause();
        ls_sys_exit_group(1);
    }
    CHECK_INT(ls_sys_pidfd_send_signal(pidfd, 0, NULL, 0), 0);
    CHECK_FAILS(ls_sys_pidfd_send_signal(pidfd, SIGKILL, NULL, 0x80000000u), EINVAL);
    CHECK_INT(ls_sys_pidfd_send_signal(pidfd, SIGKILL, NULL, 0), 0);
    CHECK_INT(ls_sys_wait4(pid, &status, 0, NULL), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK_FAILS(ls_sys_pidfd_send_signal(pidfd, 0, NULL, 0),
                ESRCH); /* whoever has the number now */
    ls_sys_close(pidfd);
}

static void what_is_pending_can_be_taken(void)
{
    const uint64_t usr2 = 1ULL << (SIGUSR2 - 1);
    const struct timespec now = { 0, 0 };
    uint64_t before, pending = 0;
    CHECK_INT(ls_sys_rt_sigprocmask(SIG_BLOCK, &usr2, &before), 0);
    CHECK_FAILS(ls_sys_rt_sigtimedwait(&usr2, NULL, &now), EAGAIN);
    ls_sys_kill(ls_sys_getpid(), SIGUSR2);
    CHECK_INT(ls_sys_rt_sigpending(&pending), 0);
    CHECK(pending & usr2);
    if (!under_valgrind()) /* it looks at what is passed itself */
        CHECK_FAILS(ls_sys_rt_sigpending(NULL), EFAULT);
    CHECK_INT(ls_sys_rt_sigtimedwait(&usr2, NULL, &now), SIGUSR2);
    CHECK_INT(ls_sys_rt_sigpending(&pending), 0);
    CHECK(!(pending & usr2));
    CHECK_INT(ls_sys_rt_sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static void timers_and_processes_are_descriptors(void)
{
    const struct itimerspec soon = { .it_value.tv_nsec = 1 };
    struct itimerspec was;
    uint64_t times = 0;
    int timer = ls_sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    CHECK_INT(ls_sys_timerfd_settime(timer, 0, &soon, &was), 0);
    CHECK_INT(ls_sys_read(timer, &times, sizeof times), sizeof times);
    CHECK_INT(times, 1);
    CHECK_FAILS(ls_sys_timerfd_create(CLOCK_MONOTONIC, 0x40000000), EINVAL);
    if (!under_valgrind())
        CHECK_FAILS(ls_sys_timerfd_settime(timer, 0, NULL, NULL), EFAULT);
    ls_sys_close(timer);
    if (under_valgrind())
        return;
    int pidfd = ls_sys_pidfd_open(ls_sys_getpid(), 0);
    CHECK_INT(ls_sys_pidfd_send_signal(pidfd, 0, NULL, 0), 0);
    CHECK_FAILS(ls_sys_pidfd_open(ls_sys_getpid(), 0x80000000u), EINVAL);
    ls_sys_close(pidfd);
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

static void signals_have_a_stack_of_their_own(void)
{
    static char room[16 << 10];
    stack_t own = { .ss_sp = room, .ss_size = sizeof room }, none = { .ss_flags = SS_DISABLE }, got;
    CHECK_INT(ls_sys_sigaltstack(&own, &got), 0);
    CHECK_INT(ls_sys_sigaltstack(&none, &got), 0);
    CHECK(got.ss_sp == room && got.ss_size == sizeof room);
    own.ss_size = 1;
    CHECK_FAILS(ls_sys_sigaltstack(&own, NULL), ENOMEM);
}

static void identities_change(void)
{
    unsigned none = 0;
    int status = 0;
    CHECK_INT(ls_sys_geteuid(), geteuid());
    CHECK_INT(ls_sys_setresgid(~0U, ~0U, ~0U), 0); /* as they are */
    CHECK_INT(ls_sys_setresuid(~0U, ~0U, ~0U), 0);
    if (!under_valgrind()) /* it would have the kernel read them all */
        CHECK_FAILS(ls_sys_setgroups(1u << 20, &none), geteuid() == 0 ? EINVAL : EPERM);
    if (geteuid() != 0)
        return;
    int pid = fork();
    if (pid == 0)
        _exit(ls_sys_setgroups(0, NULL) == 0 && getgroups(0, NULL) == 0 &&
              ls_sys_setresgid(65534, 65534, 65534) == 0 &&
              ls_sys_setresuid(65534, 65534, 65534) == 0 && getuid() == 65534 &&
              getegid() == 65534 && ls_sys_setresuid(0, 0, 0) == -EPERM);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(WEXITSTATUS(status), 1);
}

static void clocks_tell_the_time(void)
{
    struct timespec now, after;
    CHECK_INT(ls_sys_clock_gettime(CLOCK_MONOTONIC, &now), 0);
    CHECK_INT(ls_sys_clock_gettime(CLOCK_MONOTONIC, &after), 0);
    CHECK(now.tv_sec > 0 && after.tv_sec >= now.tv_sec);
    CHECK_INT(ls_sys_clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    CHECK(now.tv_nsec > 0 || now.tv_sec > 0);
    CHECK_FAILS(ls_sys_clock_gettime(12345, &now), EINVAL);
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

static void seccomp_knows_actions(void)
{
    const uint32_t action = SECCOMP_RET_ERRNO, unknown = SECCOMP_RET_ERRNO + 1;
    if (under_valgrind())
        return;
    CHECK_INT(ls_sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, (void *)&action), 0);
    CHECK_FAILS(ls_sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, (void *)&unknown), EOPNOTSUPP);
    CHECK_FAILS(ls_sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 1, (void *)&action), EINVAL);
    CHECK_FAILS(ls_sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT);
}

static void randomness_differs(void)
{
    uint64_t a = 0, b = 0;
    CHECK_INT(ls_sys_getrandom(&a, sizeof a, 0), sizeof a);
    CHECK_INT(ls_sys_getrandom(&b, 7, 0), 7);
    CHECK(a != b && b >> 56 == 0);
    CHECK_FAILS(ls_sys_getrandom(&a, sizeof a, 0x8000), EINVAL);
}

/* ---- the same through a gate ---- */

static void all_hold_through_a_gate(void);

static const struct unit_test tests[] = {
    { "futex takes six arguments", futex_takes_six_arguments },
    { "clone and wait4 carry tids and status", clone_and_wait4_carry_tids_and_status },
    { "setpgid makes a group", setpgid_makes_a_group },
    { "handlers run and return", handlers_run_and_return },
    { "signals queue behind the mask", signals_queue_behind_the_mask },
    { "signals go by descriptor", signals_go_by_descriptor },
    { "what is pending can be taken", what_is_pending_can_be_taken },
    { "timers and processes are descriptors", timers_and_processes_are_descriptors },
    { "masks hold while waiting", masks_hold_while_waiting },
    { "limits and names are read and set", limits_and_names_are_read_and_set },
    { "prctl takes five arguments", prctl_takes_five_arguments },
    { "seccomp knows actions", seccomp_knows_actions },
    { "randomness differs", randomness_differs },
    { "signals have a stack of their own", signals_have_a_stack_of_their_own },
    { "identities change", identities_change },
    { "clocks tell the time", clocks_tell_the_time },
    { "all of that holds through a gate", all_hold_through_a_gate },
};

static void all_hold_through_a_gate(void)
{
    check_through_gate(tests, all_hold_through_a_gate, SYS_PROCESS_TEST);
}

int main(void)
{
    alarm(DEADLINE_S);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
