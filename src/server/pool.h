/* Mode "pool": a few workers for all clients. What they and the supervisor know of each other.
 *
 * Every worker waits at the same listening sockets, and has a place: a number, a slot (of what it runs at
 * the moment), and its part of the memory below. */
#ifndef LS_SERVER_POOL_H
#define LS_SERVER_POOL_H

#include <stdalign.h>
#include <stdatomic.h>

#include "os/net.h"
#include "server/poolworker.h"
#include "server/watch.h"

#define LS_POOL_IDLE    (1ull << 63) /* beside a key */
#define LS_POOL_ANYBODY 1ull

enum { LS_POOL_PLACES = 64 }; /* for workers, those of older generations that still serve too */

struct ls_pool_shared {
    struct ls_pool_crowd {                  /* of one worker; alone in its cache line */
        alignas(64) _Atomic uint32_t count; /* clients … */
        _Atomic uint32_t
            idle; /* … of which these wait, and for nothing but another request or the end */
        _Atomic uint64_t coming; /* key of one who is being let in; 0: nobody is */
        _Atomic uint32_t top;    /* how many of its keys to look at */
        _Atomic uint32_t seats;  /* that it has made: so many of its accounts are in use */
    } crowds[LS_POOL_PLACES];
    _Atomic uint64_t numbers;     /* clients so far */
    _Atomic uint64_t drain_until; /* µs: when even the last answer has to be out; 0: no end */
    _Atomic uint32_t at_once;     /* 1: we were told a second time to stop */
    _Atomic uint64_t wanted; /* somebody waits for room: whoever is idle, and has that key unless it
                                     is LS_POOL_ANYBODY, may go; 0: nobody does */
    _Atomic uint32_t used;   /* places that were ever taken: the first ones */
    uint32_t max;            /* clients, and keys of a place */
    _Atomic uint64_t
        keys[]; /* the addresses of each one's clients (ls_census_key), with LS_POOL_IDLE; 0:
                                none */
};

struct ls_pool {
    struct ls_pool_shared *shared;
    struct ls_pool_place {
        int pid; /* 0: nobody is there */
        uint32_t generation;
        uint64_t started, kill_at; /* µs; kill_at 0: it may live */
        uint64_t ends_at;          /* µs: it has until then to leave by itself; 0: nobody waits */
        const char *why;           /* it was ended; NULL: not by us */
        enum ls_cause cause;       /* the same, for what counts deaths */
        struct ls_watch watch;
    } places[LS_POOL_PLACES];
    uint32_t workers;    /* that there are to be */
    unsigned failures;   /* workers that died before they ran anything, one after another … */
    uint64_t restart_at; /* … and, in µs, when the next one may be started; 0: at once */
    int bell; /* an eventfd that wakes all workers of the generation, to look here; -1: none */
    struct ls_poolworker worker; /* of the child, once it is one */
};

/* 0 or -errno. */
int ls_pool_map(struct ls_pool_shared **shared, uint32_t max);
void ls_pool_unmap(struct ls_pool_shared **shared);

uint32_t ls_pool_count(const struct ls_pool_shared *shared); /* all clients */
/* Is somebody idle at another place than that, of that address (0: of any)? */
bool ls_pool_idle_elsewhere(const struct ls_pool_shared *shared, uint32_t place, uint64_t key);
uint32_t ls_pool_count_key(const struct ls_pool_shared *shared, uint64_t key); /* of that address */

/* Nobody is at that place any more. */
void ls_pool_clear(struct ls_pool_shared *shared, uint32_t place);

static inline _Atomic uint64_t *ls_pool_keys(struct ls_pool_shared *shared, uint32_t place)
{
    return &shared->keys[(size_t)place * shared->max];
}

void ls_pool_ring(int bell);

#endif
