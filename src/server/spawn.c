#include "server/spawn.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <time.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/children.h"

enum {
    RING_WAIT = 5000, /* µs for a worker to cut itself loose, before we look again */
    RING_WAITS = 400  /* of these, before a new client is turned away: nobody gets any CPU */
};

/* An entry is used again once its worker has a descriptor table of its own, which takes the
 * worker's first microseconds. One of those that can be used, in turn; -1: none. */
static int free_ring_entry(const struct luaserve *s)
{
    for (uint64_t i = 0; i < LS_FDS_RING; i++) {
        int entry = (int)((s->clients.served + i) % LS_FDS_RING);
        int64_t holder = s->clients.ring[entry];
        if (holder < 0 || atomic_load(&ls_clients_slot(&s->clients, (uint32_t)holder)->detached))
            return entry;
    }
    return -1;
}

static void wait_for_ring(struct luaserve *s)
{
    const struct timespec wait = { .tv_nsec = RING_WAIT * 1000L };
    int64_t holder = s->clients.ring[s->clients.served % LS_FDS_RING];
    struct ls_slot *slot = ls_clients_slot(&s->clients, (uint32_t)holder);
    ls_sys_futex((uint32_t *)&slot->detached, FUTEX_WAIT, 0, &wait, NULL, 0);
    ls_children_check(s, s->clients.all[holder].pid); /* it may have died before it came to that */
}

static int take_ring_entry(struct luaserve *s)
{
    int entry = free_ring_entry(s);
    for (int i = 0; entry < 0 && i < RING_WAITS; i++) {
        wait_for_ring(s);
        entry = free_ring_entry(s);
    }
    return entry < 0 ? -EBUSY : entry;
}

static int fork_worker(struct luaserve *s, uint32_t client, int entry, uint64_t now)
{
    const struct ls_address *peer = &s->clients.all[client].peer;
    struct ls_errand errand = { .peer.port = ls_address_port(peer),
                                .entry = entry,
                                .slot = ls_clients_slot(&s->clients, client),
                                .client = s->clients.all[client].number,
                                .service = s->clients.all[client].service };
    ls_address_ip(peer, errand.peer.ip);
    ls_roster_introduce(errand.slot, errand.peer.ip, errand.peer.port, errand.service, now);
    ls_roster_reach(&s->shared->roster, client);
    int err = ls_fds_lend(&s->fds, entry, s->clients.all[client].fd);
    ls_tracing_bequeath(s, client);
    uint64_t began = ls_clock_us();
    int pid = err < 0 ? err : ls_children_fork(s, CLONE_FILES);
    if (pid == 0)
        ls_worker_main(s, &errand);
    ls_tracing_bequeathed(s);
    if (pid < 0) {
        ls_fds_clear(&s->fds, entry, s->placeholder);
        return pid;
    }
    ls_accounting_forked(s, began);
    s->clients.ring[entry] = client;
    s->clients.all[client].entry = entry;
    s->clients.all[client].generation = s->now->site.generation;
    s->clients.all[client].self = &s->now->worker.self;
    ls_clients_set_pid(&s->clients, client, pid);
    return pid;
}

int ls_spawn(struct luaserve *s, int fd, const struct ls_address *peer, uint32_t service)
{
    int entry = take_ring_entry(s);
    if (entry < 0)
        return entry;
    uint32_t client = ls_clients_add(&s->clients, fd, peer);
    s->clients.ring[entry] = -1;
    s->clients.all[client].service = service;
    uint64_t now = ls_clock_us();
    atomic_store(&ls_clients_slot(&s->clients, client)->deadline, now + s->now->site.idle_timeout);
    int pid = fork_worker(s, client, entry, now);
    if (pid < 0) {
        ls_tracing_ended(s, client);
        ls_clients_remove(&s->clients, client);
        return pid;
    }
    ls_tally(&ls_tallies_of(s)->clients, 1);
    ls_door_tell(s, peer, service, pid);
    return 0;
}
