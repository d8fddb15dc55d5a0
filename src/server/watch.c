#include "server/watch.h"

#include <signal.h>
#include <time.h>

#include "os/sys.h"

enum {
    CPU_CLOCK = 2
}; /* kind of a process's clock: user and system time; <linux/posix-timers.h> */

/* CPU time of the process so far, in µs; 0 when it cannot be known. */
static uint64_t cpu_time(int pid)
{
    struct timespec t = { 0, 0 };
    ls_sys_clock_gettime((int)(~(unsigned)pid << 3 | CPU_CLOCK), &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* How much CPU time this stretch of a handler has left, in µs. */
static uint64_t cpu_left(struct ls_watch *w, const struct ls_slot *slot, int pid, uint64_t deadline)
{
    uint64_t most = atomic_load(&slot->cpu), total = cpu_time(pid);
    if (w->computing != deadline) {
        w->computing = deadline;
        w->base = total;
    }
    uint64_t spent = total - w->base;
    return spent < most ? most - spent : 0;
}

static enum ls_interrupt why(const struct ls_slot *slot, bool in_time)
{
    if (in_time)
        return LS_INTERRUPT_CPU;
    return atomic_load(&slot->left) ? LS_INTERRUPT_LEFT : LS_INTERRUPT_WALL;
}

static void interrupt(struct ls_watch *w, struct ls_slot *slot, int pid, struct ls_self *self,
                      uint64_t word, uint64_t deadline, uint64_t now)
{
    siginfo_t info = { .si_signo = LS_INTERRUPT_SIGNAL, .si_code = SI_QUEUE };
    info.si_pid = ls_sys_getpid();
    info.si_value.sival_ptr = self;
    atomic_store(&slot->interrupt_why, why(slot, now < deadline));
    atomic_store(&slot->interrupt, ls_slot_seq(word));
    w->interrupted = deadline;
    w->kill_at = now + LS_WATCH_GRACE;
    ls_sys_rt_sigqueueinfo(pid, LS_INTERRUPT_SIGNAL, &info);
}

uint64_t ls_watch_look(struct ls_watch *w, struct ls_slot *slot, int pid, struct ls_self *self,
                       uint64_t word, uint64_t deadline, uint64_t now)
{
    uint64_t left = now < deadline ? cpu_left(w, slot, pid, deadline) : 0;
    if (left > 0)
        return now + left < deadline ? now + left : deadline;
    if (w->interrupted != deadline)
        interrupt(w, slot, pid, self, word, deadline, now);
    return w->kill_at;
}
