#include "server/budgets.h"

#include <errno.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/incident.h"
#include "server/reaper.h"

/* The worker's whole process group; a worker that has none yet has started nothing. */
static void kill_worker(struct luaserve *s, uint32_t client)
{
    int pid = s->clients.all[client].pid;
    if (pid > 0 && ls_sys_kill(-pid, SIGKILL) == -ESRCH)
        ls_sys_kill(pid, SIGKILL);
}

static bool take(struct luaserve *s, uint32_t client, uint64_t word)
{
    struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    return ls_slot_move(slot, word, ls_slot_word(ls_slot_seq(word), LS_PHASE_TAKEN));
}

/* The worker's blocked call returns; it finds that the client is no longer its own, and goes. */
static void wake(struct luaserve *s, uint32_t client, int how, uint64_t now)
{
    struct ls_client *c = &s->clients.all[client];
    ls_sys_shutdown(c->fd, how);
    c->deaf = true;
    c->ending = true;
    c->kill_at = now + LS_WATCH_GRACE;
}

/* Of an answer that has begun there is no clean end: the client is to see a reset. */
static bool has_begun(struct luaserve *s, uint32_t client)
{
    struct ls_traffic t;
    ls_traffic_look(s, client, &t);
    s->clients.all[client].cut |= t.answered;
    return t.answered;
}

static void log_end(struct luaserve *s, uint32_t client, const char *what)
{
    const struct ls_client *c = &s->clients.all[client];
    const struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    char id[17], peer[LS_ADDRESS_TEXT];
    ls_incident_id(s, client, id);
    ls_address_text(&c->peer, peer);
    ls_log(&s->now->log, LS_LOG_WARN, "%s %s %.*s %.*s: %s (worker %d)", id, peer, LS_SLOT_METHOD,
           slot->method, LS_SLOT_TARGET, slot->target, what, c->pid);
}

/* It was asked to end, and did not. */
static void end_handler(struct luaserve *s, uint32_t client, uint64_t word)
{
    struct ls_client *c = &s->clients.all[client];
    if (!take(s, client, word))
        return;
    c->why = "handler did not end when interrupted: killed";
    c->cause = ls_accounting_overrun(s, ls_clients_slot(&s->clients, client));
    c->phase = ls_slot_phase(word);
    if (!has_begun(s, client))
        ls_incident_answer(s, client, 503, NULL);
    kill_worker(s, client);
}

/* Does the client still read? Then the worker's write gets another window. */
static bool progresses(struct luaserve *s, uint32_t client, uint64_t deadline, uint64_t now)
{
    struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    struct ls_traffic t;
    ls_traffic_look(s, client, &t);
    uint64_t next =
        ls_sending_look(&s->clients.all[client].sending, &s->now->site,
                        atomic_load(&slot->send_timeout), t.counted, t.acknowledged, deadline, now);
    if (next == 0)
        return false;
    /* Not if the worker has set another by now: that would belong to what it does next. */
    atomic_compare_exchange_strong(&slot->deadline, &deadline, next);
    return true;
}

static void time_out_request(struct luaserve *s, uint32_t client, uint64_t now)
{
    log_end(s, client, "request did not arrive in time");
    if (has_begun(s, client)) {
        wake(s, client, SHUT_RDWR, now);
        return;
    }
    ls_incident_answer(s, client, 408, NULL);
    wake(s, client, SHUT_RD, now);
}

static void expire(struct luaserve *s, uint32_t client, uint64_t word, uint64_t deadline,
                   uint64_t now)
{
    switch (ls_slot_phase(word)) {
    case LS_PHASE_SEND:
        if (progresses(s, client, deadline, now) || !take(s, client, word))
            return;
        ls_tally(&ls_tallies_of(s)->budgets[LS_BUDGET_SEND], 1);
        log_end(s, client, "client does not read: connection cut");
        s->clients.all[client].cut = true;
        wake(s, client, SHUT_RDWR, now);
        return;
    case LS_PHASE_HEAD:
    case LS_PHASE_BODY:
        if (!take(s, client, word))
            return;
        ls_tally(&ls_tallies_of(s)->budgets[ls_slot_phase(word) == LS_PHASE_HEAD ? LS_BUDGET_HEAD
                                                                                 : LS_BUDGET_BODY],
                 1);
        time_out_request(s, client, now);
        return;
    default:
        if (take(s, client, word))
            wake(s, client, SHUT_RDWR, now);
    }
}

static bool is_retired(const struct luaserve *s, uint32_t client)
{
    return s->clients.all[client].generation != atomic_load(&s->shared->newest);
}

static bool close_idle(struct luaserve *s, uint32_t client, uint64_t now)
{
    uint64_t word = atomic_load(&ls_clients_slot(&s->clients, client)->word);
    struct ls_traffic t;
    if (ls_slot_phase(word) != LS_PHASE_IDLE)
        return false;
    ls_traffic_look(s, client, &t);
    if (t.asked || !take(s, client, word))
        return false;
    wake(s, client, SHUT_RDWR, now);
    return true;
}

static uint64_t look_at_handler(struct luaserve *s, uint32_t client, uint64_t word,
                                uint64_t deadline, uint64_t now)
{
    struct ls_client *c = &s->clients.all[client];
    struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    uint64_t next = ls_watch_look(&c->watch, slot, c->pid, c->self, word, deadline, now);
    if (next <= now)
        end_handler(s, client, word);
    return next;
}

/* Returns when to look at this client again; UINT64_MAX: its phase has no end. */
static uint64_t look(struct luaserve *s, uint32_t client, uint64_t now)
{
    struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    struct ls_client *c = &s->clients.all[client];
    uint64_t word = atomic_load(&slot->word);
    uint64_t deadline = atomic_load(&slot->deadline);
    enum ls_phase phase = ls_slot_phase(word);
    if (c->linger_until > 0)
        return c->linger_until;
    if (phase == LS_PHASE_TAKEN || phase == LS_PHASE_GONE || phase == LS_PHASE_TORN) {
        if (!c->ending)
            c->kill_at = now + LS_WATCH_GRACE;
        c->ending = true;
        if (now >= c->kill_at)
            kill_worker(s, client);
        return c->kill_at > now ? c->kill_at : now + LS_WATCH_GRACE;
    }
    if (phase == LS_PHASE_IDLE && is_retired(s, client) && close_idle(s, client, now))
        return c->kill_at;
    if (deadline == 0)
        return UINT64_MAX;
    if (ls_slot_phase(word) == LS_PHASE_HANDLER)
        return look_at_handler(s, client, word, deadline, now);
    if (deadline > now)
        return deadline;
    expire(s, client, word, deadline, now);
    return c->kill_at > now ? c->kill_at : now + LS_WATCH_RESOLUTION;
}

uint64_t ls_budgets_look(struct luaserve *s, uint64_t now)
{
    uint64_t next = now + s->shortest; /* of phases that begin after this look */
    if (s->clients.count == 0)
        return 0;
    for (uint32_t i = 0; i < s->clients.count; i++) {
        uint64_t at = look(s, s->clients.active[i], now);
        next = at < next ? at : next;
    }
    return next > now + LS_WATCH_RESOLUTION ? next : now + LS_WATCH_RESOLUTION;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of a handler's CPU time we know only what we see: it may pass an eighth of it unseen. */
static uint64_t shortest_of(const struct ls_limits *limits)
{
    const uint64_t all[] = { limits->wall, limits->cpu / 8, limits->body_timeout,
                             limits->send_timeout };
    uint64_t shortest = UINT64_MAX;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] > 0)
            shortest = least(shortest, all[i]);
    return shortest;
}

void ls_budgets_measure(struct luaserve *s)
{
    const struct ls_site *site = &s->now->site;
    uint64_t shortest = least(site->head_timeout, site->idle_timeout);
    shortest = least(shortest, ls_site_allowance(site, 0));
    shortest = least(shortest, least(site->linger_timeout, shortest_of(&site->limits)));
    for (size_t i = 0; i < ls_router_count(s->now->router); i++)
        shortest = least(shortest, shortest_of(&ls_router_at(s->now->router, i)->own));
    for (size_t i = 0; i < s->now->services.count; i++)
        shortest = least(shortest, shortest_of(&s->now->services.all[i].own));
    for (size_t i = 0; i < s->now->schedules.count; i++)
        shortest = least(shortest, shortest_of(&s->now->schedules.all[i].own));
    s->shortest = shortest;
}

void ls_budgets_close_idle(struct luaserve *s)
{
    uint64_t now = ls_clock_us();
    for (uint32_t i = 0; i < s->clients.count; i++)
        if (is_retired(s, s->clients.active[i]))
            close_idle(s, s->clients.active[i], now);
}

/* Who goes first: those that have had their answer, those that go already, those that wait, the one
 * with the first deadline before the others; 0: this one is at something. */
static uint64_t idle_until(struct luaserve *s, uint32_t client, uint64_t now)
{
    const struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    const struct ls_client *c = &s->clients.all[client];
    uint64_t word = atomic_load(&slot->word), until = atomic_load(&slot->deadline);
    bool idle = ls_slot_phase(word) == LS_PHASE_IDLE &&
                !(ls_slot_seq(word) == 0 && ls_door_is_fresh(s, until, now));
    if (c->linger_until > 0)
        return 1;
    return c->ending ? 2 : idle ? until : 0;
}

/* The one that waits longest of those that have waited for less than `than`; its time in *until,
 * UINT64_MAX: none. */
static uint32_t longest_idle(struct luaserve *s, const struct ls_address *address, uint64_t than,
                             uint64_t *until)
{
    uint64_t now = ls_clock_us();
    uint32_t longest = 0;
    *until = UINT64_MAX;
    for (uint32_t i = 0; i < s->clients.count; i++) {
        uint32_t client = s->clients.active[i];
        uint64_t at = idle_until(s, client, now);
        if (at <= than || at >= *until ||
            (address && !ls_census_same(address, &s->clients.all[client].peer)))
            continue;
        *until = at;
        longest = client;
    }
    return longest;
}

bool ls_budgets_evict(struct luaserve *s, const struct ls_address *address)
{
    uint64_t now = ls_clock_us(), until = 0;
    uint32_t client;
    while (client = longest_idle(s, address, until, &until), until != UINT64_MAX)
        if (s->clients.all[client].linger_until > 0) {
            ls_reaper_close(s, client);
            return true;
        } else if (s->clients.all[client].ending || close_idle(s, client, now)) {
            return true;
        }
    return false; /* whoever seemed idle has asked for something */
}

void ls_budgets_end(struct luaserve *s, uint32_t client, const char *why)
{
    uint64_t word = atomic_load(&ls_clients_slot(&s->clients, client)->word);
    enum ls_phase phase = ls_slot_phase(word);
    struct ls_client *c = &s->clients.all[client];
    struct ls_traffic t;
    ls_traffic_look(s, client, &t);
    if (phase < LS_PHASE_LINGER && c->pid > 0 && take(s, client, word) && (t.asked || t.answered)) {
        c->why = why;
        c->phase = phase;
        c->cut |= t.answered;
        if (!t.answered)
            ls_incident_answer(s, client, 503, NULL);
    }
    if (c->pid > 0 && c->cause == 0)
        c->cause = LS_CAUSE_STOP;
    kill_worker(s, client);
}
