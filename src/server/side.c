#include "server/side.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"
#include "exchange/live.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/children.h"
#include "server/confine.h"
#include "server/pause.h"
#include "server/server.h"

/* ---- the driver ---- */

static bool enter(struct ls_driver *d, struct ls_engine *e, enum ls_phase phase, uint64_t deadline)
{
    struct ls_self *self = &((struct ls_side *)d)->self;
    self->word = ls_slot_word(e->seq, phase);
    atomic_store_explicit(&self->slot->cpu, e->limits.cpu, memory_order_relaxed);
    atomic_store_explicit(&self->slot->deadline, deadline, memory_order_release);
    atomic_store_explicit(&self->slot->word, self->word, memory_order_release);
    return true;
}

static int block(struct ls_driver *d, struct ls_engine *e, const struct ls_need *need)
{
    struct ls_side *side = (struct ls_side *)d;
    if (need->kind == LS_NEED_EVENTS)
        return ls_pause_events(e, side->self.lua, &side->self.bell);
    if (need->kind == LS_NEED_TIME)
        return ls_pause(side->self.lua, -1, 0, need->until);
    return -EPIPE;
}

static int socket_of(struct ls_driver *d, struct ls_engine *e)
{
    (void)e;
    return ((struct ls_side *)d)->fd;
}

static void ring(struct ls_driver *d, struct ls_engine *e)
{
    (void)d, (void)e; /* whoever could wait here is the one who runs */
}

/* ---- life ---- */

static void quit(void *ctx, int status)
{
    struct ls_side *side = ctx;
    snprintf(side->self.slot->cause, sizeof side->self.slot->cause, "os.exit(%d)", status);
    ls_process_exit(status);
}

static _Noreturn void leave(struct ls_driver *d, struct ls_engine *e)
{
    enter(d, e, LS_PHASE_GONE, 0);
    ls_process_exit(0);
}

static const struct ls_driver driver = {
    .enter = enter, .block = block, .socket = socket_of, .ring = ring, .leave = leave
};

/* The process's slot is its own from here on, as are its bell, its subscriptions and its last words. */
static struct ls_side *become(struct luaserve *s, uint32_t place, uint64_t ticket, int fd)
{
    if (!ls_sides_is_reserved(&s->shared->sides, place, ticket)) /* the slot is not ours */
        ls_sys_exit_group(LUASERVE_OS);
    struct ls_worker *worker = &s->now->worker;
    struct ls_slot *slot = &s->shared->slots[s->shared->sides.first + place];
    struct ls_side *side = &s->now->side;
    memset(slot, 0, sizeof *slot);
    *side = (struct ls_side) { .driver = driver, .self = worker->self, .fd = fd };
    side->self.bell = (struct ls_bell) { .fd = -1 };
    ls_self_join(&side->self, s, slot, quit, side);
    ls_crash_note_in(worker->crash_stack, &side->self.crash);
    ls_crash_watch(worker->crash_stack);
    return side;
}

static void describe(const struct ls_side *side, const struct ls_engine *e, const char *method,
                     struct ls_slice target)
{
    struct ls_slot *slot = side->self.slot;
    slot->client = e->client;
    slot->request = e->seq;
    slot->pid = ls_sys_getpid();
    ls_roster_introduce(slot, e->peer.ip, e->peer.port, 0, ls_clock_us());
    ls_slot_describe(slot, ls_slice_of(method), target, (struct ls_slice) { "", 0 });
}

/* ---- schedules ---- */

/* Numbers that no client comes to have: for the ids of runs. */
#define RUNS_FROM (1ull << 31)

static _Noreturn void run_schedule(struct luaserve *s, const struct ls_schedule *schedule,
                                   uint64_t run, uint32_t place, uint64_t ticket)
{
    static const struct ls_peer nobody = { .ip = "schedule" };
    const struct ls_config *c = &s->now->config;
    struct ls_engine *e = &s->now->worker.engine;
    if (ls_fds_leave(&s->fds) < 0)
        ls_sys_exit_group(LUASERVE_OS);
    ls_confine(s, (uint64_t)s->fds.shared_end + c->limits.descriptors);
    struct ls_side *side = become(s, place, ticket, -1);
    e->driver = &side->driver;
    ls_engine_open(e, RUNS_FROM + (uint64_t)(schedule - s->now->schedules.all), run - 1, &nobody);
    ls_live_schedule(e, schedule->handler, &schedule->own);
    describe(side, e, "every", ls_slice_of(schedule->name));
    ls_confine_finish(s->now, side->self.slot);
    if (!ls_sides_enter(&s->shared->sides, place, ticket))
        ls_sys_exit_group(LUASERVE_OS);
    while (ls_engine_step(e).kind != LS_NEED_END)
        ls_engine_gone(e); /* it has nothing to be read or written */
    leave(&side->driver, e);
}

int ls_side_schedule(struct luaserve *s, const struct ls_schedule *schedule, uint64_t run,
                     uint32_t *place, uint64_t *ticket)
{
    int64_t index = ls_sides_reserve(&s->shared->sides, 0, &s->now->side, ticket);
    if (index < 0)
        return (int)index;
    *place = (uint32_t)index;
    fflush(NULL);
    uint64_t began = ls_clock_us();
    int pid = ls_children_fork(s, CLONE_FILES);
    if (pid == 0)
        run_schedule(s, schedule, run, *place, *ticket);
    if (pid < 0)
        ls_sides_cancel(&s->shared->sides, *place, *ticket);
    else
        ls_accounting_forked(s, began);
    return pid;
}

/* ---- second processes ---- */

static int become_second(struct luaserve *s, struct ls_engine *e, const struct ls_second *second)
{
    int fd = e->driver->socket(e->driver, e);
    ls_sys_setpgid(0, 0);
    ls_sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (ls_sys_getppid() != s->now->worker.self.supervisor)
        ls_sys_exit_group(LUASERVE_OS);
    struct ls_side *side = become(s, second->place, second->ticket, fd);
    e->driver = &side->driver;
    e->account = NULL; /* which is the first one's */
    if (e->live == LS_LIVE_RAW)
        describe(side, e, "tcp", ls_slice_of(e->peer.ip));
    else
        describe(side, e, "GET", ls_span_slice(e->in.at, e->head.target));
    ls_engine_enter_handler(e);
    if (!ls_sides_enter(&s->shared->sides, second->place, second->ticket))
        ls_sys_exit_group(LUASERVE_OS);
    return 0;
}

static void tell_supervisor(struct luaserve *s, uint32_t birth)
{
    const uint64_t one = 1;
    ls_births_tell(&s->shared->births, birth);
    ls_sys_write(s->wake, &one, sizeof one);
}

/* No signal will tell the supervisor of the child's end: it is told of the child. */
static int fork_quietly(struct luaserve *s, uint32_t owner, int *pidfd)
{
    int64_t birth = ls_births_claim(&s->shared->births, owner);
    if (birth < 0)
        return (int)birth;
    int pid = ls_fork_sibling_noted(&s->fork, (int *)&s->shared->births.all[birth].pid);
    if (pid == 0)
        return 0;
    if (pid < 0) {
        ls_births_cancel(&s->shared->births, (uint32_t)birth);
        return pid;
    }
    *pidfd = ls_sys_pidfd_open(pid, 0);
    if (*pidfd < 0)
        ls_sys_kill(pid, SIGKILL);
    tell_supervisor(s, (uint32_t)birth);
    return *pidfd < 0 ? *pidfd : pid;
}

static int fork_second(struct luaserve *s, const struct ls_self *owner, struct ls_second *second)
{
    struct ls_sides *sides = &s->shared->sides;
    int64_t place = ls_sides_reserve(sides, ls_shared_number(s->shared, owner->slot), &s->now->side,
                                     &second->ticket);
    if (place < 0)
        return (int)place;
    second->place = (uint32_t)place;
    fflush(NULL); /* or both would write it */
    uint64_t began = ls_clock_us();
    int pid = s->fork.exit_signal
                  ? ls_fork_sibling(&s->fork, &second->pidfd)
                  : fork_quietly(s, ls_shared_number(s->shared, owner->slot), &second->pidfd);
    if (pid < 0)
        ls_sides_cancel(sides, second->place, second->ticket);
    else if (pid > 0)
        ls_accounting_forked(s, began);
    return pid;
}

int ls_side_split(struct luaserve *s, struct ls_engine *e, const struct ls_self *owner,
                  struct ls_second *second)
{
    int ends[2]; /* the first one reads, the second one writes: whole packets */
    int err = ls_sys_pipe2(ends, O_CLOEXEC | O_NONBLOCK | O_DIRECT);
    if (err < 0)
        return err;
    int pid = fork_second(s, owner, second);
    second->news = ends[pid == 0];
    ls_sys_close(ends[pid != 0]);
    if (pid == 0)
        return become_second(s, e, second);
    if (pid < 0)
        ls_sys_close(second->news);
    return pid < 0 ? pid : 1;
}

/* Whoever reaps is to find that it died first, and not that we did: it is a matter of microseconds. */
static bool dies(int pidfd)
{
    const struct timespec most = { .tv_nsec = 100000000 };
    struct pollfd dead = { .fd = pidfd, .events = POLLIN };
    return ls_sys_ppoll(&dead, 1, &most, NULL) > 0;
}

void ls_side_join(struct luaserve *s, const struct ls_self *owner, const struct ls_second *second,
                  enum ls_second_end end)
{
    struct ls_sides *sides = &s->shared->sides;
    ls_sides_cancel(sides, second->place, second->ticket);
    bool kills = end == LS_SECOND_KILL || (end == LS_SECOND_DYING && !dies(second->pidfd));
    if (kills || end == LS_SECOND_DONE)
        ls_sides_dismiss(sides, second->place, second->ticket);
    if (kills)
        ls_sys_pidfd_send_signal(second->pidfd, SIGKILL, NULL, 0);
    atomic_store(&owner->slot->left, 0);
    ls_sys_close(second->pidfd);
    ls_sys_close(second->news);
}
