/* fork as the clone syscall: a child with memory of its own whose glibc stays sound.
 *
 * A raw fork leaves glibc's cached thread id and the kernel's robust-futex list stale in the
 * child, so that process-shared and robust mutexes misbehave. Here the kernel writes the child's
 * id where glibc keeps it (CLONE_CHILD_SETTID) and the child registers its robust list anew.
 * atfork handlers do not run: flush stdio before, and leave with ls_process_exit. */
#ifndef LS_OS_PROCESS_H
#define LS_OS_PROCESS_H

#include "os/sys.h"

struct ls_fork { /* what this process's libc keeps where; found once, good for every child */
    int *tid;
    void *robust;
    size_t robust_len;

    /* What a child's end sends to its parent: SIGCHLD; or 0, nothing, and then only a wait with __WALL
     * meets the child: neither a handler nor a wait of others in this process does. */
    int exit_signal;
};

/* 0 or -errno (kernel without CONFIG_CHECKPOINT_RESTORE: -EINVAL). Call on the thread that
 * will fork. The exit signal is SIGCHLD at first. */
int ls_fork_prepare(struct ls_fork *f);

/* The child's pid in the parent, 0 in the child, -errno if there is none. `flags` are added to
 * the exit signal: 0, or CLONE_FILES. `f` must have been prepared by the calling thread, or by the
 * thread that forked this process. */
int ls_fork(const struct ls_fork *f, unsigned long flags);

/* The same. *pidfd, in the caller: a descriptor of the child (pidfd_open(2)), close-on-exec, which is
 * readable once it has ended. */
int ls_fork_watched(const struct ls_fork *f, unsigned long flags, int *pidfd);

/* The same for a child of our parent's, which is told of its end and reaps it. *pidfd, in the caller: a
 * descriptor of the child (pidfd_open(2)), close-on-exec, by which it can be sent signals however long it
 * has been dead. */
int ls_fork_sibling(const struct ls_fork *f, int *pidfd);

/* The same, with its pid in *pid, in memory that others share, before it runs: whatever becomes of the two,
 * who reaps can find it there. */
int ls_fork_sibling_noted(const struct ls_fork *f, int *pid);

/* Writes what all FILEs hold; where there are, or were, other threads, which may be at one for as long as they like, only
 * what stdout and stderr do, unless one is at these. (A child has its parent's FILEs and their locks.) */
void ls_process_flush(void);

/* Wakes whoever waits for that eventfd, if this is the process `pid`. From any thread and any signal handler: it goes
 * past the gate (os/sys.h), which is one thread's. */
void ls_process_poke(int pid, int eventfd);

/* ls_process_flush, then exit_group: no atexit handler and no destructor runs. (In a coverage build
 * gcov's counters are written as well.) */
_Noreturn void ls_process_exit(int status);

/* Every signal unblocked, SIGCHLD as a new program finds it (SIG_DFL), SIGPIPE without effect, as
 * above. */
void ls_process_worker_signals(void);

/* What a process that forks must have of its signals, however it was started: SIGCHLD at its
 * default (else the kernel reaps by itself, or somebody's handler does), SIGPIPE without effect
 * (a handler: programs that are started have the default again), and all others blocked.
 * *before: what there was, to be restored. */
struct ls_signals {
    struct ls_sigaction child, pipe;
    uint64_t mask;
};
void ls_process_take_signals(struct ls_signals *before);
void ls_process_restore_signals(const struct ls_signals *before);

/* What a process that is not ours alone has of its signals: as it wants them, but that all are blocked
 * while it is in our hands; and a SIGPIPE of ours does not outlast that. */
struct ls_signals_held {
    uint64_t mask;
    bool piped; /* one was there before */
};
void ls_process_hold_signals(struct ls_signals_held *before);
void ls_process_release_signals(const struct ls_signals_held *before);

/* In a child of such a process: its handlers are not ours, and have the default in their place, as
 * after execve. What it ignores is still ignored. */
void ls_process_forget_handlers(void);

/* How many threads this process has, or -errno. */
int ls_process_threads(void);

/* Soft and hard limit of a resource (RLIMIT_*) for this process and its children; a lower hard one
 * stays. 0 or -errno. */
int ls_process_limit(int resource, uint64_t most);

/* The soft limit of open descriptors raised to the hard one. The limit in force, or -errno. */
int64_t ls_process_raise_descriptors(void);

#endif
