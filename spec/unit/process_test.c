#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "os/process.h"
#include "os/sys.h"

enum { DEADLINE_S = 60, WAIT_S = 5 };

struct shared { /* between the processes of one test */
    pthread_mutex_t a, b;
    atomic_int state, holder, overlaps;
};

static struct shared *map_shared(void)
{
    void *at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

static void make_mutex(pthread_mutex_t *mutex, int type, int robustness)
{
    pthread_mutexattr_t how;
    pthread_mutexattr_init(&how);
    pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_settype(&how, type);
    pthread_mutexattr_setrobust(&how, robustness);
    CHECK_INT(pthread_mutex_init(mutex, &how), 0);
    pthread_mutexattr_destroy(&how);
}

static int lock_in_time(pthread_mutex_t *mutex)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    return pthread_mutex_timedlock(mutex, &until);
}

/* Until *state is at least `value`; the alarm is the deadline. */
static void await(atomic_int *state, int value)
{
    while (atomic_load(state) < value)
        sched_yield();
}

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

static void prepare_finds_what_libc_keeps(void)
{
    struct ls_fork f = prepared();
    CHECK_INT(*f.tid, gettid());
    CHECK_INT(f.robust_len, sizeof(struct robust_list_head));
}

static void a_child_has_its_own_pid_and_tid(void)
{
    struct ls_fork f = prepared();
    int parent = getpid(), pid = ls_fork(&f, 0);
    if (pid == 0) {
        bool sound =
            *f.tid == gettid() && getpid() == gettid() && getppid() == parent && getpid() != parent;
        ls_sys_exit_group(sound ? 42 : 1);
    }
    CHECK(pid > 0);
    CHECK_INT(*f.tid, parent);
    CHECK_INT(exit_status(pid), 42);
}

static void a_child_has_memory_of_its_own(void)
{
    struct ls_fork f = prepared();
    volatile int value = 1;
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        value = 2;
        ls_sys_exit_group(value);
    }
    CHECK_INT(exit_status(pid), 2);
    CHECK_INT(value, 1);
}

static void children_share_descriptors_when_asked(void)
{
    struct ls_fork f = prepared();
    if (getenv("VALGRIND")) /* it knows no CLONE_FILES without CLONE_VM */
        return;
    for (int shared = 0; shared <= 1; shared++) {
        int fd = dup(0), pid = ls_fork(&f, shared ? CLONE_FILES : 0);
        if (pid == 0)
            ls_sys_exit_group(ls_sys_close(fd) == 0 ? 0 : 1);
        CHECK_INT(exit_status(pid), 0);
        CHECK_INT(ls_sys_close(fd), shared ? -EBADF : 0);
    }
}

/* The child forks, and we reap its child; the child has a handle of it all the same. */
static void a_sibling_is_the_parents_to_reap(void)
{
    if (getenv("VALGRIND")) /* it knows neither CLONE_PARENT nor CLONE_PIDFD */
        return;
    struct ls_fork f = prepared();
    int me = getpid(), ends[2], sibling = 0;
    CHECK_INT(ls_sys_pipe2(ends, O_CLOEXEC), 0);
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        int pidfd = -1, second = ls_fork_sibling(&f, &pidfd);
        if (second == 0) {
            while (getppid() == me)
                pause();
            ls_sys_exit_group(1);
        }
        ls_sys_write(ends[1], &second, sizeof second);
        bool sound = second > 0 && ls_sys_fcntl(pidfd, F_GETFD, 0) == FD_CLOEXEC &&
                     ls_sys_pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0;
        ls_sys_exit_group(sound ? 42 : 1);
    }
    CHECK_INT(ls_sys_read(ends[0], &sibling, sizeof sibling), sizeof sibling);
    CHECK_INT(exit_status(pid), 42);
    CHECK_INT(exit_status(sibling), -SIGKILL);
    ls_sys_close(ends[0]);
    ls_sys_close(ends[1]);
}

static void a_dead_worker_leaves_its_robust_mutex_to_others(void)
{
    struct ls_fork f = prepared();
    struct shared *shared = map_shared();
    make_mutex(&shared->a, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        pthread_mutex_lock(&shared->a);
        ls_sys_kill(ls_sys_getpid(), SIGKILL);
    }
    CHECK_INT(exit_status(pid), -SIGKILL);
    CHECK_INT(lock_in_time(&shared->a), EOWNERDEAD);
    CHECK_INT(pthread_mutex_consistent(&shared->a), 0);
    CHECK_INT(pthread_mutex_unlock(&shared->a), 0);
    munmap(shared, sizeof *shared);
}

/* The child's list begins empty: its first lock is not linked to a lock of the parent's. */
static void a_worker_does_not_touch_the_supervisors_robust_locks(void)
{
    struct ls_fork f = prepared();
    struct shared *shared = map_shared();
    make_mutex(&shared->a, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
    make_mutex(&shared->b, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
    CHECK_INT(lock_in_time(&shared->a), 0);
    pthread_mutex_t before = shared->a;
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        pthread_mutex_lock(&shared->b);
        ls_sys_exit_group(0);
    }
    CHECK_INT(exit_status(pid), 0);
    CHECK(memcmp(&before, &shared->a, sizeof before) == 0);
    CHECK_INT(lock_in_time(&shared->b), EOWNERDEAD);
    CHECK_INT(pthread_mutex_consistent(&shared->b), 0);
    CHECK_INT(pthread_mutex_unlock(&shared->b), 0);
    CHECK_INT(pthread_mutex_unlock(&shared->a), 0);
    munmap(shared, sizeof *shared);
}

static void two_workers_never_both_hold_one_recursive_mutex(void)
{
    struct ls_fork f = prepared();
    struct shared *shared = map_shared();
    make_mutex(&shared->a, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
    int first = ls_fork(&f, 0);
    if (first == 0) {
        pthread_mutex_lock(&shared->a);
        atomic_store(&shared->state, 1);
        await(&shared->state, 2);
        ls_sys_exit_group(pthread_mutex_unlock(&shared->a));
    }
    int second = ls_fork(&f, 0);
    if (second == 0) {
        await(&shared->state, 1);
        int busy = pthread_mutex_trylock(&shared->a);
        atomic_store(&shared->state, 2);
        ls_sys_exit_group(busy == EBUSY ? 0 : 1);
    }
    CHECK_INT(exit_status(first), 0);
    CHECK_INT(exit_status(second), 0);
    munmap(shared, sizeof *shared);
}

static void take_turns(struct shared *shared)
{
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&shared->a);
        if (atomic_exchange(&shared->holder, getpid()) != 0)
            atomic_fetch_add(&shared->overlaps, 1);
        if (i % 100 == 0)
            sched_yield();
        atomic_store(&shared->holder, 0);
        pthread_mutex_unlock(&shared->a);
    }
}

static void many_workers_take_turns(void)
{
    enum { WORKERS = 4 };
    struct ls_fork f = prepared();
    struct shared *shared = map_shared();
    int pids[WORKERS];
    make_mutex(&shared->a, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ROBUST);
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = ls_fork(&f, 0);
        if (pids[i] == 0) {
            take_turns(shared);
            ls_sys_exit_group(0);
        }
    }
    for (int i = 0; i < WORKERS; i++)
        CHECK_INT(exit_status(pids[i]), 0);
    CHECK_INT(atomic_load(&shared->overlaps), 0);
    munmap(shared, sizeof *shared);
}

static void a_child_of_a_child_is_sound_too(void)
{
    struct ls_fork f = prepared();
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        int grandchild = ls_fork(&f, 0);
        if (grandchild == 0)
            ls_sys_exit_group(*f.tid == gettid() ? 7 : 1);
        ls_sys_exit_group(exit_status(grandchild));
    }
    CHECK_INT(exit_status(pid), 7);
}

static void *return_argument(void *argument)
{
    return argument;
}

static void a_child_can_start_threads_and_programs(void)
{
    struct ls_fork f = prepared();
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        pthread_t thread;
        void *back = NULL;
        bool sound = pthread_create(&thread, NULL, return_argument, &f) == 0 &&
                     pthread_join(thread, &back) == 0 && back == &f;
        int status = system("exit 3");
        ls_sys_exit_group(sound && WEXITSTATUS(status) == 3 ? 0 : 1);
    }
    CHECK_INT(exit_status(pid), 0);
}

static void told(void)
{
    ls_sys_write(STDOUT_FILENO, "atexit", 6);
}

/* Through a pipe: what stdio had buffered comes out once, what atexit registered not at all. */
static void exit_flushes_stdio_and_runs_nothing(void)
{
    struct ls_fork f = prepared();
    int ends[2];
    char bytes[32] = "";
    CHECK_INT(pipe(ends), 0);
    fflush(NULL);
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        ls_sys_dup3(ends[1], STDOUT_FILENO, 0);
        atexit(told);
        fputs("buffered", stdout);
        ls_process_exit(9);
    }
    CHECK_INT(exit_status(pid), 9);
    ls_sys_close(ends[1]);
    CHECK_INT(read(ends[0], bytes, sizeof bytes), 8);
    CHECK(strcmp(bytes, "buffered") == 0);
    CHECK_INT(read(ends[0], bytes, sizeof bytes), 0);
    ls_sys_close(ends[0]);
}

static void the_descriptor_limit_is_raised_to_the_hard_one(void)
{
    struct ls_fork f = prepared();
    if (getenv("VALGRIND")) /* it keeps limits of its own */
        return;
    int pid = ls_fork(&f, 0);
    if (pid == 0) {
        struct rlimit limit;
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 64;
        limit.rlim_max = 128;
        setrlimit(RLIMIT_NOFILE, &limit);
        bool first = ls_process_raise_descriptors() == 128;
        getrlimit(RLIMIT_NOFILE, &limit);
        bool raised = limit.rlim_cur == 128 && limit.rlim_max == 128;
        ls_sys_exit_group(first && raised && ls_process_raise_descriptors() == 128 ? 0 : 1);
    }
    CHECK_INT(exit_status(pid), 0);
}

static const struct unit_test tests[] = {
    { "prepare finds what libc keeps", prepare_finds_what_libc_keeps },
    { "a child has its own pid and tid", a_child_has_its_own_pid_and_tid },
    { "a child has memory of its own", a_child_has_memory_of_its_own },
    { "children share descriptors when asked", children_share_descriptors_when_asked },
    { "a sibling is the parent's to reap", a_sibling_is_the_parents_to_reap },
    { "a dead worker leaves its robust mutex to others",
      a_dead_worker_leaves_its_robust_mutex_to_others },
    { "a worker does not touch the supervisor's robust locks",
      a_worker_does_not_touch_the_supervisors_robust_locks },
    { "two workers never both hold one recursive mutex",
      two_workers_never_both_hold_one_recursive_mutex },
    { "many workers take turns", many_workers_take_turns },
    { "a child of a child is sound too", a_child_of_a_child_is_sound_too },
    { "a child can start threads and programs", a_child_can_start_threads_and_programs },
    { "exit flushes stdio and runs nothing", exit_flushes_stdio_and_runs_nothing },
    { "the descriptor limit is raised to the hard one",
      the_descriptor_limit_is_raised_to_the_hard_one },
};

int main(void)
{
    alarm(DEADLINE_S);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
