/* Signals, and threads, of a process that forks: when it is ours alone, and when it is not. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/process.h"
#include "os/sys.h"

enum { DEADLINE_S = 60 };

static struct ls_fork prepared(void)
{
    struct ls_fork f = { 0 };
    CHECK_INT(ls_fork_prepare(&f), 0);
    return f;
}

static int exit_status(int pid)
{
    int status = -1;
    CHECK_INT(ls_sys_wait4(pid, &status, 0, NULL), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool is_default(int signal)
{
    struct sigaction action;
    sigset_t blocked;
    sigaction(signal, NULL, &action);
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    return action.sa_handler == SIG_DFL && !sigismember(&blocked, signal);
}

/* SIGPIPE does nothing, and a program that is started finds it as usual. */
static bool pipe_is_harmless(void)
{
    int ends[2];
    if (pipe(ends) != 0 || close(ends[0]) != 0)
        return false;
    bool harmless = ls_sys_write(ends[1], "x", 1) == -EPIPE;
    close(ends[1]);
    return harmless && system("kill -PIPE $$; exit 7") == SIGPIPE;
}

static void a_worker_has_signals_of_its_own(void)
{
    struct ls_fork f = prepared();
    sigset_t all;
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_IGN);
        bool changed = !is_default(SIGCHLD) && !is_default(SIGTERM);
        ls_process_worker_signals();
        bool restored = is_default(SIGCHLD) && is_default(SIGTERM);
        bool reaps = WEXITSTATUS(system("exit 5")) == 5;
        ls_sys_exit_group(changed && restored && reaps && pipe_is_harmless() ? 0 : 1);
    }
    CHECK_INT(exit_status(pid), 0);
}

static void signals_are_taken_and_given_back(void)
{
    struct ls_fork f = prepared();
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        struct ls_signals before;
        struct sigaction child, pipe_action;
        sigset_t mask;
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_IGN);
        ls_process_take_signals(&before);
        sigaction(SIGCHLD, NULL, &child);
        sigprocmask(SIG_SETMASK, NULL, &mask);
        bool taken = child.sa_handler == SIG_DFL && sigismember(&mask, SIGUSR1);
        ls_process_restore_signals(&before);
        sigaction(SIGCHLD, NULL, &child);
        sigaction(SIGPIPE, NULL, &pipe_action);
        sigprocmask(SIG_SETMASK, NULL, &mask);
        bool given_back = child.sa_handler == SIG_IGN && pipe_action.sa_handler == SIG_IGN &&
                          !sigismember(&mask, SIGUSR1);
        ls_sys_exit_group(taken && given_back ? 0 : 1);
    }
    CHECK_INT(exit_status(pid), 0);
}

/* ---- in a program that is not ours alone ---- */

static void *read_one(void *fd)
{
    char byte;
    return read(*(int *)fd, &byte, 1) == 1 ? fd : NULL;
}

static volatile sig_atomic_t handled;

static void on_signal(int signal)
{
    handled = signal;
}

static void a_quiet_child_is_met_by_nobody_who_does_not_ask(void)
{
    struct ls_fork f = prepared();
    int status = 0, pidfd = -1;
    if (getenv("VALGRIND"))
        return;
    handled = 0;
    signal(SIGCHLD, on_signal);
    f.exit_signal = 0;
    int pid = ls_fork_watched(&f, 0, &pidfd);
    if (pid == 0)
        ls_sys_exit_group(5);
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };
    CHECK_INT(poll(&ended, 1, DEADLINE_S * 1000), 1);
    CHECK_INT(waitpid(-1, &status, WNOHANG), -1);
    CHECK_INT(ls_sys_wait4(pid, &status, (int)__WALL, NULL), pid);
    CHECK_INT(WEXITSTATUS(status), 5);
    CHECK_INT(handled, 0);
    signal(SIGCHLD, SIG_DFL);
    close(pidfd);
}

static void handlers_are_forgotten_and_what_is_ignored_stays_so(void)
{
    struct ls_fork f = prepared();
    if (getenv("VALGRIND")) /* it has the last signals for itself */
        return;
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        struct sigaction action;
        signal(SIGUSR1, on_signal);
        signal(SIGRTMAX, on_signal);
        signal(SIGUSR2, SIG_IGN);
        ls_process_forget_handlers();
        sigaction(SIGUSR2, NULL, &action);
        bool sound = is_default(SIGUSR1) && is_default(SIGRTMAX) && action.sa_handler == SIG_IGN;
        ls_sys_exit_group(sound ? 0 : 1);
    }
    CHECK_INT(exit_status(pid), 0);
}

/* Whoever has written where nobody reads does not die of it afterwards. */
static void a_sigpipe_of_ours_is_taken_back(void)
{
    struct ls_signals_held held;
    sigset_t mask;
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    close(ends[0]);
    ls_process_hold_signals(&held);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    CHECK(sigismember(&mask, SIGTERM));
    CHECK_INT(ls_sys_write(ends[1], "x", 1), -EPIPE);
    ls_process_release_signals(&held);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    CHECK(!sigismember(&mask, SIGTERM));
    close(ends[1]);
}

static void threads_are_counted(void)
{
    pthread_t thread;
    int ends[2];
    char byte = 0;
    if (getenv("VALGRIND")) /* it does not know openat2 */
        return;
    CHECK_INT(pipe(ends), 0);
    int before = ls_process_threads();
    CHECK(before >= 1);
    CHECK_INT(pthread_create(&thread, NULL, read_one, &ends[0]), 0);
    CHECK_INT(ls_process_threads(), before + 1);
    CHECK_INT(write(ends[1], &byte, 1), 1);
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
}

static const struct unit_test tests[] = {
    { "a worker has signals of its own", a_worker_has_signals_of_its_own },
    { "signals are taken and given back", signals_are_taken_and_given_back },
    { "a quiet child is met by nobody who does not ask",
      a_quiet_child_is_met_by_nobody_who_does_not_ask },
    { "handlers are forgotten, and what is ignored stays so",
      handlers_are_forgotten_and_what_is_ignored_stays_so },
    { "a SIGPIPE of ours is taken back", a_sigpipe_of_ours_is_taken_back },
    { "threads are counted", threads_are_counted },
};

int main(void)
{
    alarm(DEADLINE_S);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
