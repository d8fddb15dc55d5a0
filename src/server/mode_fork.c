/* Mode "fork": the supervisor accepts, each client has a worker of its own. */
#include "server/mode.h"

#include "base/clock.h"
#include "server/budgets.h"
#include "server/reaper.h"

static uint32_t slots(const struct ls_config *c)
{
    return (uint32_t)c->processes.max_clients;
}

static int open_fork(struct luaserve *s)
{
    int err = ls_clients_init(&s->clients, s->shared->count, s->shared->slots);
    ls_budgets_measure(s);
    return err < 0 ? err : ls_door_open(s);
}

static void close_fork(struct luaserve *s)
{
    ls_door_close(s);
    ls_census_free(&s->door.census);
    ls_clients_free(&s->clients);
}

static void event(struct luaserve *s, uint64_t data)
{
    uint32_t index = (uint32_t)(data >> 32);
    if ((data & UINT32_MAX) == LS_ABOUT_LISTENER)
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
    ls_door_move(s, listeners);
    ls_budgets_measure(s);
    ls_budgets_close_idle(s);
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

static bool empty(const struct luaserve *s)
{
    return s->clients.count == 0;
}

const struct ls_mode ls_mode_fork = { .slots = slots,
                                      .open = open_fork,
                                      .close = close_fork,
                                      .event = event,
                                      .look = look,
                                      .owns = owns,
                                      .ended = ls_reaper_ended,
                                      .renew = renew,
                                      .drain = ls_door_close,
                                      .end = end,
                                      .clients = clients,
                                      .empty = empty };
