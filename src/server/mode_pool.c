/* Mode "pool", as the supervisor has it: starts workers, ends those that get stuck, and replaces those that
 * die. */
#include "server/pool.h"

#include <errno.h>
#include <sched.h>

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "exchange/exposition.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/children.h"
#include "server/budgets.h"
#include "server/death.h"
#include "server/server.h"
#include "server/supervisor.h"

enum {
    FIRST_PAUSE = 100000,   /* µs before another one is started; doubled each time … */
    LONGEST_PAUSE = 5000000 /* … up to this */
};

static uint32_t slots(const struct ls_config *c)
{
    (void)c;
    return LS_POOL_PLACES;
}

/* A worker may have them all. Those that are never used take no memory. */
static uint64_t accounts(const struct ls_config *c)
{
    return LS_POOL_PLACES * c->processes.max_clients;
}

static uint32_t cards(const struct ls_config *c)
{
    return (uint32_t)c->processes.max_clients + (int)LS_POOL_PLACES * (int)LS_HAND_SPARES;
}

static uint32_t cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return (uint32_t)count;
}

static void count_workers(struct luaserve *s)
{
    uint64_t workers = s->now->config.processes.workers;
    s->pool.workers = workers ? (uint32_t)workers : cores();
    if (s->pool.workers > LS_POOL_PLACES / 4) /* the rest is for those that leave */
        s->pool.workers = LS_POOL_PLACES / 4;
}

/* ---- workers ---- */

static bool is_current(const struct luaserve *s, const struct ls_pool_place *place)
{
    return place->pid > 0 && place->generation == s->now->site.generation;
}

static int free_place(const struct luaserve *s)
{
    for (int i = 0; i < LS_POOL_PLACES; i++)
        if (s->pool.places[i].pid == 0)
            return i;
    return -1;
}

static void kill_worker(struct ls_pool_place *place)
{
    if (ls_sys_kill(-place->pid, SIGKILL) == -ESRCH)
        ls_sys_kill(place->pid, SIGKILL);
}

/* Its own handler of this signal answers whom it can. */
static void end_worker(struct ls_pool_place *place, const char *why, enum ls_cause cause,
                       uint64_t now)
{
    if (!place->why) {
        place->why = why;
        place->cause = cause;
    }
    if (place->kill_at == 0) {
        ls_sys_kill(place->pid, SIGXCPU);
        place->kill_at = now + LS_WATCH_GRACE;
    } else if (now >= place->kill_at) {
        kill_worker(place);
    }
}

static void run_worker(struct luaserve *s, uint32_t place)
{
    ls_supervisor_leave(s);
    ls_sys_close(s->wake);
    s->wake = -1;
    ls_fds_note(&s->fds);
    ls_poolworker_main(s, place);
}

static void start(struct luaserve *s, int place, uint64_t now)
{
    struct ls_pool_place *p = &s->pool.places[place];
    struct ls_slot *slot = &s->shared->slots[place];
    memset(slot, 0, sizeof *slot);
    ls_pool_clear(s->pool.shared, (uint32_t)place);
    ls_tracing_bequeath_place(s, (uint32_t)place);
    uint64_t began = ls_clock_us();
    int pid = ls_children_fork(s, 0);
    if (pid == 0)
        run_worker(s, (uint32_t)place);
    ls_tracing_bequeathed(s);
    if (pid < 0) {
        ls_log(&s->now->log, LS_LOG_ERROR, "cannot fork a worker: %s; trying again in %d ms",
               strerror(-pid), FIRST_PAUSE / 1000);
        s->pool.restart_at = now + FIRST_PAUSE;
        return;
    }
    ls_accounting_forked(s, began);
    slot->pid = pid;
    *p = (struct ls_pool_place) { .pid = pid,
                                  .generation = s->now->site.generation,
                                  .started = now };
    ls_log(&s->now->log, LS_LOG_DEBUG, "worker %d started", pid);
}

static void oldest_goes(struct luaserve *s, uint64_t now)
{
    struct ls_pool_place *oldest = NULL;
    for (int i = 0; i < LS_POOL_PLACES; i++) {
        struct ls_pool_place *p = &s->pool.places[i];
        if (!is_current(s, p) && (!oldest || p->started < oldest->started))
            oldest = p;
    }
    if (oldest)
        end_worker(oldest, "is of an old generation, and there are too many of those: killed",
                   LS_CAUSE_STOP, now);
}

/* When to look again; 0: all are there. */
static uint64_t fill_places(struct luaserve *s, uint64_t now)
{
    uint32_t there = 0;
    for (int i = 0; i < LS_POOL_PLACES; i++)
        there += is_current(s, &s->pool.places[i]);
    for (; there < s->pool.workers && s->stop == 0; there++) {
        int place = free_place(s);
        if (now < s->pool.restart_at)
            return s->pool.restart_at;
        if (place < 0) {
            oldest_goes(s, now);
            return now + LS_WATCH_RESOLUTION;
        }
        start(s, place, now);
    }
    return 0;
}

/* ---- watching over them ---- */

static uint64_t look_at(struct luaserve *s, int index, uint64_t now)
{
    struct ls_pool_place *p = &s->pool.places[index];
    struct ls_slot *slot = &s->shared->slots[index];
    uint64_t word = atomic_load(&slot->word), deadline = atomic_load(&slot->deadline);
    if (p->kill_at > 0) {
        end_worker(p, p->why, p->cause, now);
        return p->kill_at > now ? p->kill_at : now + LS_WATCH_GRACE;
    }
    if (ls_slot_phase(word) != LS_PHASE_HANDLER)
        return UINT64_MAX;
    uint64_t next =
        ls_watch_look(&p->watch, slot, p->pid, &s->pool.worker.self, word, deadline, now);
    if (next > now)
        return next;
    end_worker(p, "handler did not end when interrupted: killed", ls_accounting_overrun(s, slot),
               now);
    return p->kill_at;
}

static uint64_t look(struct luaserve *s, uint64_t now)
{
    uint64_t next = now + s->shortest; /* of handlers that begin after this look */
    for (int i = 0; i < LS_POOL_PLACES; i++) {
        uint64_t at = s->pool.places[i].pid > 0 ? look_at(s, i, now) : UINT64_MAX;
        next = at < next ? at : next;
    }
    next = next > now + LS_WATCH_RESOLUTION ? next : now + LS_WATCH_RESOLUTION;
    return ls_clock_sooner(next, fill_places(s, now));
}

static int place_of(const struct luaserve *s, int pid)
{
    for (int i = 0; i < LS_POOL_PLACES; i++)
        if (s->pool.places[i].pid == pid)
            return i;
    return -1;
}

static bool owns(const struct luaserve *s, int pid)
{
    return place_of(s, pid) >= 0;
}

/* One that died before it ran anything may do so again at once; for what handlers do, nobody else is to
 * wait. */
static void delay_next(struct luaserve *s, bool useless)
{
    uint64_t pause = FIRST_PAUSE;
    s->pool.failures = useless ? s->pool.failures + 1 : 0;
    for (unsigned i = 1; i < s->pool.failures && pause < LONGEST_PAUSE; i++)
        pause *= 2;
    if (useless)
        s->pool.restart_at = ls_clock_us() + (pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
}

static void ended(struct luaserve *s, int pid, const struct ls_death *death)
{
    int index = place_of(s, pid);
    struct ls_pool_place *p = &s->pool.places[index];
    bool well = death->status == 0 && !p->why;
    if (!well) {
        ls_death_log_pool(s, (uint32_t)index, death);
        ls_accounting_death(s, death, p->cause);
    }
    if (!well && is_current(s, p))
        delay_next(s, atomic_load(&s->shared->slots[index].word) == 0);
    ls_roster_desert(&s->shared->roster, (uint32_t)index + 1);
    ls_commons_recover(&s->shared->commons, (uint32_t)index + 1);
    ls_accounting_close_pool(s, (uint32_t)index);
    s->shared->slots[index].pid = 0;
    ls_pool_clear(s->pool.shared, (uint32_t)index);
    ls_warden_orphan(s, (uint32_t)index + 1);
    *p = (struct ls_pool_place) { .pid = 0 };
}

/* ---- what else the supervisor asks ---- */

static int hang_bell(struct luaserve *s)
{
    s->pool.bell = ls_sys_eventfd2(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return s->pool.bell < 0 ? s->pool.bell : ls_fds_raise(&s->pool.bell, s->fds.shared_end);
}

static void take_bell_down(struct luaserve *s)
{
    ls_pool_ring(s->pool.bell);
    if (s->pool.bell >= 0)
        ls_sys_close(s->pool.bell);
    s->pool.bell = -1;
}

static int open_pool(struct luaserve *s)
{
    s->pool = (struct ls_pool) { .bell = -1 };
    int err = ls_pool_map(&s->pool.shared, s->max_clients);
    count_workers(s);
    ls_budgets_measure(s);
    return err < 0 ? err : hang_bell(s);
}

static void close_pool(struct luaserve *s)
{
    take_bell_down(s);
    ls_pool_unmap(&s->pool.shared);
}

/* Those of the generation before find that it is no longer the newest. Until the new ones have come,
 * clients wait in the backlog. */
static void renew(struct luaserve *s, const struct ls_listeners *listeners)
{
    struct ls_listeners before = s->listeners;
    s->listeners = *listeners;
    ls_listeners_close(&before, &s->listeners);
    take_bell_down(s);
    int err = hang_bell(s);
    if (err < 0)
        ls_log(&s->now->log, LS_LOG_ERROR, "reload: eventfd: %s", strerror(-err));
    count_workers(s);
    ls_budgets_measure(s);
    s->pool.failures = 0;
    s->pool.restart_at = 0;
}

/* By the bell that they have in common, and each by its own, which wakes also those that a handler keeps
 * waiting, and those of generations that have another common one. */
static void ring_all(struct luaserve *s)
{
    ls_pool_ring(s->pool.bell);
    for (int i = 0; i < LS_POOL_PLACES; i++)
        if (s->pool.places[i].pid > 0)
            ls_bell_ring(s->pool.places[i].pid);
}

static void drain(struct luaserve *s)
{
    ls_listeners_close(&s->listeners, NULL);
    atomic_store(&s->pool.shared->drain_until, s->drain_until);
    ring_all(s);
}

/* They have answered who was left themselves, unless one of them is stuck. */
static void end(struct luaserve *s, const char *why)
{
    uint64_t now = ls_clock_us();
    if (atomic_load(&s->pool.shared->drain_until) > now) {
        atomic_store(&s->pool.shared->at_once, s->stop > 1);
        atomic_store(&s->pool.shared->drain_until, now);
        ring_all(s);
    }
    for (int i = 0; i < LS_POOL_PLACES; i++) {
        struct ls_pool_place *p = &s->pool.places[i];
        if (p->pid == 0)
            continue;
        if (p->ends_at == 0)
            p->ends_at = now + LS_WATCH_GRACE / 2;
        if (now >= p->ends_at)
            end_worker(p, why, LS_CAUSE_STOP, now);
    }
}

static uint32_t clients(const struct luaserve *s)
{
    return ls_pool_count(s->pool.shared);
}

/* What those are at that are not idle is known to their worker alone. */
static void count(const struct luaserve *s, struct ls_headcount *clients)
{
    for (uint32_t i = 0; i < atomic_load(&s->pool.shared->used); i++) {
        const struct ls_pool_crowd *crowd = &s->pool.shared->crowds[i];
        uint32_t all = atomic_load(&crowd->count), idle = atomic_load(&crowd->idle);
        clients->phases[LS_PHASE_IDLE] += idle < all ? idle : all;
        clients->phases[LS_PHASE_HANDLER] += idle < all ? all - idle : 0;
    }
}

static bool empty(const struct luaserve *s)
{
    for (int i = 0; i < LS_POOL_PLACES; i++)
        if (s->pool.places[i].pid > 0)
            return false;
    return true;
}

const struct ls_mode ls_mode_pool = { .name = "pool",
                                      .slots = slots,
                                      .accounts = accounts,
                                      .cards = cards,
                                      .open = open_pool,
                                      .close = close_pool,
                                      .look = look,
                                      .owns = owns,
                                      .ended = ended,
                                      .renew = renew,
                                      .drain = drain,
                                      .end = end,
                                      .clients = clients,
                                      .count = count,
                                      .empty = empty };
