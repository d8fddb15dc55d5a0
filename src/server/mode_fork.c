/* Mode "fork": the supervisor accepts, each client has a worker of its own. */
#include "server/mode.h"

#include "base/clock.h"
#include "exchange/exposition.h"
#include "os/sys.h"
#include "server/budgets.h"
#include "server/reaper.h"
#include "server/reload.h"
#include "server/spawn.h"

/* ---- who gets in ---- */

/* Descriptors below the ring's end are inherited by workers: no client may sit there. */
static int accept_above(struct luaserve *s, int listener, struct ls_address *peer)
{
    int lowest = s->fds.ring + LS_FDS_RING;
    int fd = ls_net_accept(listener, peer, 0);
    if (fd < 0 || fd >= lowest)
        return fd;
    int lifted = ls_fds_move(fd, lowest);
    if (lifted < 0)
        ls_sys_close(fd);
    return lifted;
}

static int take(struct luaserve *s, int fd, const struct ls_address *peer, uint32_t service)
{
    int err = ls_spawn(s, fd, peer, service);
    if (err == 0)
        ls_census_add(&s->census, peer);
    return err;
}

/* Nobody else lets anybody in. */
static bool reserve(struct luaserve *s)
{
    return s->clients.count < s->clients.max;
}

static void release(struct luaserve *s)
{
    (void)s;
}

static bool is_crowd(struct luaserve *s, const struct ls_address *peer)
{
    uint64_t most = s->now->config.processes.per_address;
    return most > 0 && ls_census_count(&s->census, peer) >= most;
}

static uint64_t number(struct luaserve *s)
{
    return ++s->clients.served;
}

static const struct ls_house house = { .accepts = 32,
                                       .cannot = "cannot fork a worker",
                                       .accept = accept_above,
                                       .take = take,
                                       .reserve = reserve,
                                       .release = release,
                                       .is_crowd = is_crowd,
                                       .evict = ls_budgets_evict,
                                       .number = number };

/* ---- what the supervisor asks ---- */

static uint32_t slots(const struct ls_config *c)
{
    return (uint32_t)c->processes.max_clients;
}

static uint64_t accounts(const struct ls_config *c)
{
    return c->processes.max_clients;
}

static int open_fork(struct luaserve *s)
{
    int err = ls_clients_init(&s->clients, s->shared->sides.first, s->shared->slots);
    if (err == 0)
        err = ls_census_init(&s->census, s->clients.max);
    ls_budgets_measure(s);
    return err < 0 ? err : ls_door_open(s, &house);
}

static void close_fork(struct luaserve *s)
{
    ls_strangers_close(&s->door.strangers);
    ls_census_free(&s->census);
    ls_clients_free(&s->clients);
}

static void event(struct luaserve *s, uint64_t data)
{
    uint32_t index = (uint32_t)(data >> 32);
    if ((data & UINT32_MAX) == LS_ABOUT_LISTENER && ls_reload_for_change(s))
        ls_door_hold(s);
    else if ((data & UINT32_MAX) == LS_ABOUT_LISTENER)
        ls_door_answer(s, index);
    else if (s->clients.all[index].linger_until > 0)
        ls_reaper_drain(s, index);
}

static uint64_t look(struct luaserve *s, uint64_t now)
{
    if (s->stop > 0)
        ls_budgets_close_idle(s);
    if (s->look_at == 0 || now >= s->look_at || s->clients.count == 0) {
        ls_reaper_close_overdue(s, now);
        s->look_at = ls_budgets_look(s, now);
    }
    return ls_clock_sooner(s->look_at, ls_door_look(s, now));
}

static bool owns(const struct luaserve *s, int pid)
{
    return ls_clients_find(&s->clients, pid) >= 0;
}

static void renew(struct luaserve *s, const struct ls_listeners *listeners)
{
    struct ls_listeners before = s->listeners, now = *listeners;
    for (size_t i = 0; i < now.count; i++)
        if (!ls_listeners_have(&before, now.all[i].fd))
            ls_fds_raise(&now.all[i].fd, s->fds.shared_end);
    ls_door_move(s, &now);
    ls_listeners_close(&before, &now);
    ls_budgets_measure(s);
    ls_budgets_close_idle(s);
}

/* Live connections wait for it. */
static void ring_all(struct luaserve *s)
{
    for (uint32_t i = 0; i < s->clients.count; i++) {
        const struct ls_client *c = &s->clients.all[s->clients.active[i]];
        if (c->pid > 0)
            ls_bell_ring(c->pid);
    }
}

static void drain(struct luaserve *s)
{
    ring_all(s);
    ls_door_close(s);
    ls_listeners_close(&s->listeners, NULL);
}

static void end(struct luaserve *s, const char *why)
{
    for (uint32_t i = 0; i < s->clients.count; i++)
        ls_budgets_end(s, s->clients.active[i], why);
    ls_reaper_close_overdue(s, UINT64_MAX); /* nor is anybody waited for who has had an answer */
}

static uint32_t clients(const struct luaserve *s)
{
    return s->clients.count;
}

/* Workers don't have the supervisor's book, but all slots. */
static void count(const struct luaserve *s, struct ls_headcount *clients)
{
    for (uint32_t i = 0; i < s->shared->sides.first; i++)
        clients->phases[ls_slot_phase(atomic_load(&s->shared->slots[i].word)) % LS_PHASES]++;
}

static bool empty(const struct luaserve *s)
{
    return s->clients.count == 0;
}

const struct ls_mode ls_mode_fork = { .name = "fork",
                                      .slots = slots,
                                      .accounts = accounts,
                                      .open = open_fork,
                                      .close = close_fork,
                                      .event = event,
                                      .look = look,
                                      .owns = owns,
                                      .ended = ls_reaper_ended,
                                      .renew = renew,
                                      .drain = drain,
                                      .end = end,
                                      .clients = clients,
                                      .count = count,
                                      .empty = empty };
