#include "os/process.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include "os/folder.h"
#include "os/sys.h"

void __gcov_dump(void) __attribute__((weak)); /* there in a coverage build only */

int ls_fork_prepare(struct ls_fork *f)
{
    int err = ls_sys_prctl(PR_GET_TID_ADDRESS, (unsigned long)&f->tid, 0, 0, 0);
    f->exit_signal = SIGCHLD;
    return err < 0 ? err : ls_sys_get_robust_list(0, &f->robust, &f->robust_len);
}

/* The inherited list names the parent's locks. Left as it is, the child's first robust lock would
 * be linked to the parent's last one, and that may stand in memory that both share. */
static void own_robust_list(const struct ls_fork *f)
{
    struct robust_list_head *head = f->robust;
    if (!head) /* a libc that registers one when it is first needed */
        return;
    head->list.next = &head->list;
    head->list_op_pending = NULL;
    ls_sys_set_robust_list(head, f->robust_len);
}

static int fork_with(const struct ls_fork *f, unsigned long flags, int *told)
{
    const unsigned long how = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    int pid = ls_sys_clone(how | (unsigned)f->exit_signal | flags, NULL, told, f->tid, 0);
    if (pid == 0)
        own_robust_list(f);
    return pid;
}

int ls_fork(const struct ls_fork *f, unsigned long flags)
{
    return fork_with(f, flags, NULL);
}

int ls_fork_watched(const struct ls_fork *f, unsigned long flags, int *pidfd)
{
    return fork_with(f, flags | CLONE_PIDFD, pidfd);
}

int ls_fork_sibling(const struct ls_fork *f, int *pidfd)
{
    return fork_with(f, CLONE_PARENT | CLONE_PIDFD, pidfd);
}

int ls_fork_sibling_noted(const struct ls_fork *f, int *pid)
{
    return fork_with(f, CLONE_PARENT | CLONE_PARENT_SETTID, pid);
}

/* Unless another thread is using it. */
static void flush_if_free(FILE *file)
{
    if (ftrylockfile(file) != 0)
        return;
    fflush_unlocked(file);
    funlockfile(file);
}

void ls_process_flush(void)
{
    if (__libc_single_threaded) {
        fflush(NULL);
        return;
    }
    flush_if_free(stdout);
    flush_if_free(stderr);
}

void ls_process_poke(int pid, int eventfd)
{
    const uint64_t one = 1;
    if (ls_sys_raw(SYS_getpid, (const long[6]) { 0 }) == pid)
        ls_sys_raw(SYS_write, (const long[6]) { eventfd, (long)&one, sizeof one });
}

void ls_process_exit(int status)
{
    ls_process_flush();
    if (__gcov_dump)
        __gcov_dump();
    ls_sys_exit_group(status);
}

static void on_pipe(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
}

void ls_process_worker_signals(void)
{
    const uint64_t none = 0;
    ls_sys_on_signal(SIGCHLD, NULL, 0);
    ls_sys_on_signal(SIGPIPE, on_pipe, SA_RESTART);
    ls_sys_rt_sigprocmask(SIG_SETMASK, &none, NULL); /* last: what was pending finds the default */
}

void ls_process_take_signals(struct ls_signals *before)
{
    const uint64_t all = UINT64_MAX;
    ls_sys_rt_sigprocmask(SIG_SETMASK, &all, &before->mask);
    ls_sys_rt_sigaction(SIGCHLD, NULL, &before->child);
    ls_sys_rt_sigaction(SIGPIPE, NULL, &before->pipe);
    ls_sys_on_signal(SIGCHLD, NULL, 0);
    ls_sys_on_signal(SIGPIPE, on_pipe, SA_RESTART);
}

void ls_process_restore_signals(const struct ls_signals *before)
{
    ls_sys_rt_sigaction(SIGCHLD, &before->child, NULL);
    ls_sys_rt_sigaction(SIGPIPE, &before->pipe, NULL);
    ls_sys_rt_sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

/* ---- in a program that is not ours alone ---- */

#define PIPE (1ull << (SIGPIPE - 1))

static bool is_piped(void)
{
    uint64_t pending = 0;
    ls_sys_rt_sigpending(&pending);
    return pending & PIPE;
}

void ls_process_hold_signals(struct ls_signals_held *before)
{
    const uint64_t all = UINT64_MAX;
    ls_sys_rt_sigprocmask(SIG_SETMASK, &all, &before->mask);
    before->piped = is_piped();
}

void ls_process_release_signals(const struct ls_signals_held *before)
{
    const uint64_t pipe = PIPE;
    const struct timespec at_once = { 0, 0 };
    if (!before->piped && is_piped())
        ls_sys_rt_sigtimedwait(&pipe, NULL, &at_once);
    ls_sys_rt_sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

/* Two of them are the C library's own, for its threads. */
static bool is_of_libc(int signal)
{
    return signal >= 32 && signal < SIGRTMIN;
}

void ls_process_forget_handlers(void)
{
    struct ls_sigaction there;
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        if (!is_of_libc(signal) && ls_sys_rt_sigaction(signal, NULL, &there) == 0 &&
            there.handler && there.handler != LS_SIG_IGN)
            ls_sys_on_signal(signal, NULL, 0);
}

static bool count(void *ctx, const char *name, int type)
{
    (void)name, (void)type;
    ++*(int *)ctx;
    return true;
}

int ls_process_threads(void)
{
    int threads = 0, tasks = ls_folder_open("/proc/self/task");
    if (tasks < 0)
        return tasks;
    int err = ls_folder_each(tasks, count, &threads);
    ls_sys_close(tasks);
    return err < 0 ? err : threads;
}

int ls_process_limit(int resource, uint64_t most)
{
    struct rlimit limit;
#ifdef __SANITIZE_ADDRESS__
    if (resource == RLIMIT_DATA) /* the sanitizer's own memory counts, and is a multiple of ours */
        return 0;
#endif
    int err = ls_sys_prlimit64(0, resource, NULL, &limit);
    if (err < 0)
        return err;
    most = most < limit.rlim_max ? most : limit.rlim_max;
    limit = (struct rlimit) { most, most };
    return ls_sys_prlimit64(0, resource, &limit, NULL);
}

int64_t ls_process_raise_descriptors(void)
{
    struct rlimit limit;
    int err = ls_sys_prlimit64(0, RLIMIT_NOFILE, NULL, &limit);
    if (err == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        err = ls_sys_prlimit64(0, RLIMIT_NOFILE, &limit, NULL);
    }
    if (err < 0)
        return err;
    return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}
