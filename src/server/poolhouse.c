#include "server/poolclient.h"
#include "server/poolhouse.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/server.h"

static struct ls_poolworker *self(struct luaserve *s)
{
    return &s->pool.worker;
}

static uint64_t key_of(const struct ls_address *address)
{
    return ls_census_key(address) & ~LS_POOL_IDLE;
}

static void count(struct ls_poolworker *w, uint32_t clients)
{
    atomic_store(&w->shared->crowds[w->place].count, clients);
}

/* Whoever comes after a reload is the next generation's. */
static int accept_free(struct luaserve *s, int listener, struct ls_address *peer)
{
    if (ls_site_retired(&s->now->site))
        return -EAGAIN;
    return ls_net_accept(listener, peer, SOCK_NONBLOCK);
}

static uint64_t number(struct luaserve *s)
{
    return atomic_fetch_add(&self(s)->shared->numbers, 1) + 1;
}

/* Its address, where the others look for it. */
static void register_key(struct ls_poolworker *w, uint32_t index, uint64_t key)
{
    atomic_store(&ls_pool_keys(w->shared, w->place)[index], key);
    if (atomic_load(&w->shared->crowds[w->place].top) <= index)
        atomic_store(&w->shared->crowds[w->place].top, index + 1);
    atomic_store(&w->shared->crowds[w->place].coming, 0);
}

/* What observers see of it. */
static void show(struct luaserve *s, struct ls_member *m)
{
    struct ls_roster *r = &s->shared->roster;
    m->card = s->now->config.status[0] ? ls_roster_take(r, &self(s)->hand) : NULL;
    if (!m->card)
        return;
    m->card->client = m->number;
    m->card->opened = ls_clock_us();
    m->card->service = m->service;
    m->card->port = m->peer.port;
    memcpy(m->card->ip, m->peer.ip, sizeof m->card->ip);
    ls_card_enter(m->card, ls_slot_word(0, LS_PHASE_IDLE), m->card->opened);
}

static int take(struct luaserve *s, int fd, const struct ls_address *peer, uint32_t service)
{
    struct ls_poolworker *w = self(s);
    int64_t index = ls_members_add(&w->members, fd);
    if (index < 0)
        return (int)index;
    struct ls_member *m = &w->members.all[index];
    m->number = number(s);
    ls_recorder_adopt(ls_request_number(s->now->site.nonce, m->number, 1));
    m->service = service;
    m->readable = m->writable = true; /* what came with the connection is there already, often */
    ls_address_ip(peer, m->peer.ip);
    m->peer.port = ls_address_port(peer);
    show(s, m);
    count(w, w->members.count);
    if (s->now->config.processes.per_address > 0)
        register_key(w, (uint32_t)index, key_of(peer));
    ls_members_enqueue(&w->members, (uint32_t)index);
    ls_tally(&ls_tallies_of(s)->clients, 1);
    ls_door_tell(s, peer, service, ls_sys_getpid());
    return 0;
}

static void release(struct luaserve *s)
{
    count(self(s), self(s)->members.count);
}

/* Said first and counted then: two that are at the last place together both leave it free. */
static bool reserve(struct luaserve *s)
{
    struct ls_poolworker *w = self(s);
    count(w, w->members.count + 1);
    if (ls_pool_count(w->shared) <= w->shared->max)
        return true;
    release(s);
    return false;
}

/* The same: of two who come to two workers at the same time neither is overlooked. */
static bool is_crowd(struct luaserve *s, const struct ls_address *peer)
{
    struct ls_poolworker *w = self(s);
    _Atomic uint64_t *coming = &w->shared->crowds[w->place].coming;
    uint64_t most = s->now->config.processes.per_address, key = key_of(peer);
    if (most == 0 || key == 0)
        return false;
    atomic_store(coming, key);
    if (ls_pool_count_key(w->shared, key) <= most)
        return false;
    atomic_store(coming, 0);
    return true;
}

/* Who is idle, the one that is for longest; who only has to read its answer to the end goes first. Those
 * whose socket has something to say are not idle. -1: there is none. */
static int64_t longest_idle(struct ls_poolworker *w, uint64_t key)
{
    const struct luaserve *s = w->server;
    uint64_t now = ls_clock_us();
    int64_t longest = -1;
    for (uint32_t i = 0; i < w->members.cap; i++) {
        const struct ls_member *m = &w->members.all[i];
        if (m->fd < 0 || !m->idle || m->queued || (m->readable && !m->drained && !m->seat) ||
            (!m->seat && m->seq == 0 && ls_door_is_fresh(s, w->members.due[i], now)) ||
            (key != 0 &&
             atomic_load(&ls_pool_keys(w->shared, w->place)[i]) != (key | LS_POOL_IDLE)))
            continue;
        if (m->seat)
            return i;
        if (longest < 0 || w->members.due[i] < w->members.due[longest])
            longest = i;
    }
    return longest;
}

static bool evict(struct luaserve *s, const struct ls_address *address)
{
    struct ls_poolworker *w = self(s);
    uint64_t key = address ? key_of(address) : 0;
    int64_t idle = longest_idle(w, key);
    if (idle >= 0 && ls_poolclient_close_idle(w, (uint32_t)idle))
        return true;
    if (!ls_pool_idle_elsewhere(w->shared, w->place, key))
        return false;
    atomic_store(&w->shared->wanted, key ? key : LS_POOL_ANYBODY);
    ls_pool_ring(s->pool.bell);
    w->asked = true;
    return true;
}

/* Whoever wants it asks again if nobody goes. */
void ls_poolhouse_make_room(struct ls_poolworker *w)
{
    uint64_t wanted = w->asked ? 0 : atomic_load(&w->shared->wanted);
    w->asked = false;
    int64_t idle = wanted ? longest_idle(w, wanted == LS_POOL_ANYBODY ? 0 : wanted) : -1;
    if (idle >= 0 && atomic_compare_exchange_strong(&w->shared->wanted, &wanted, 0))
        ls_poolclient_close_idle(w, (uint32_t)idle);
}

void ls_poolhouse_set_idle(struct ls_poolworker *w, uint32_t member, bool idle)
{
    struct ls_member *m = &w->members.all[member];
    if (m->idle == idle)
        return;
    m->idle = idle;
    w->idle += idle ? 1u : -1u;
    atomic_store_explicit(&w->shared->crowds[w->place].idle, w->idle, memory_order_relaxed);
    _Atomic uint64_t *key = &ls_pool_keys(w->shared, w->place)[member];
    bool between = idle && m->seq > 0; /* of one who has just come the request is on its way */
    if (w->server->now->config.processes.per_address > 0)
        atomic_store(key, between ? *key | LS_POOL_IDLE : *key & ~LS_POOL_IDLE);
}

void ls_poolhouse_left(struct ls_poolworker *w, uint32_t member)
{
    if (w->server->now->config.processes.per_address > 0)
        atomic_store(&ls_pool_keys(w->shared, w->place)[member], 0);
    ls_poolhouse_set_idle(w, member, false);
    if (w->members.all[member].card)
        ls_roster_leave(&w->server->shared->roster, &w->hand, w->members.all[member].card);
    ls_members_remove(&w->members, member);
    count(w, w->members.count);
}

/* A few at a time, so that another worker that has nothing to do gets its share. */
const struct ls_house ls_poolhouse = { .how = EPOLLEXCLUSIVE,
                                       .accepts = 4,
                                       .cannot = "cannot serve a client",
                                       .accept = accept_free,
                                       .take = take,
                                       .reserve = reserve,
                                       .release = release,
                                       .is_crowd = is_crowd,
                                       .evict = evict,
                                       .number = number };
