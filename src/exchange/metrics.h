/* What a server counts, in memory that all its processes share; reloads leave it as it is.
 *
 * Requests are counted in series, one for each method, route and status that there was: how many, how long
 * they took, how many bytes went. A series has a place in every shard; a process counts in one shard, under
 * its lock, and with a log that undoes (as shard.h): whoever dies in the middle of it has counted nothing,
 * once ls_metrics_recover has seen to it. Together with the numbers of the series one more word changes, in
 * which the caller keeps what was counted: so nothing is counted twice, or not at all, whoever goes on.
 *
 * The supervisor has a shard of its own and never waits for a lock, since it is the one that mends them. */
#ifndef LS_EXCHANGE_METRICS_H
#define LS_EXCHANGE_METRICS_H

#include <stdalign.h>

#include "base/slice.h"
#include "exchange/lock.h"
#include "exchange/slot.h"

enum {
    LS_METRICS_SERIES = 1024, /* places; three quarters are given to those that come first */
    LS_METRICS_ROUTES = 256, /* that have series of their own; 0: no route; the last one: "other" */
    LS_METRICS_PATTERN = 208, /* bytes of a route's text with its NUL: what is longer is cut */
    LS_METRICS_SHARDS = 8,    /* and the supervisor's */
    LS_METRICS_BUCKETS = 15,  /* the last one: longer than all the bounds */
    LS_METRICS_NAME = 3       /* << 32: in a holder's note, with the shard's number */
};

#define LS_METRICS_OTHER (LS_METRICS_ROUTES - 1u)

extern const uint32_t ls_metrics_bounds[LS_METRICS_BUCKETS - 1]; /* µs, of the buckets */

struct ls_measure { /* of one answer */
    uint16_t route, status;
    uint8_t method; /* enum ls_method */
    bool cut;       /* a part of it is missing: it counts as nothing but that */
    uint64_t us, bytes;
};

struct ls_metrics_count { /* of a series, in one shard or in all of them together */
    uint64_t buckets[LS_METRICS_BUCKETS];
    uint64_t us, bytes, cut;
};

enum { LS_METRICS_LOG = 4 }; /* words that one record changes */

struct ls_metrics_shard {
    alignas(64) struct ls_lock lock; /* the supervisor's: odd while it writes */
    uint32_t logged;                 /* words of the change at hand; 0: there is none */
    struct ls_metrics_undo {
        uint64_t where, old; /* which word behind the beginning of all, and what stood there */
    } log[LS_METRICS_LOG];
    struct ls_metrics_count counts[LS_METRICS_SERIES];
};

enum ls_budget {
    LS_BUDGET_WALL,
    LS_BUDGET_CPU,
    LS_BUDGET_MEMORY,
    LS_BUDGET_HEAD, /* these are time-outs */
    LS_BUDGET_BODY,
    LS_BUDGET_SEND,
    LS_BUDGETS
};

enum ls_refusal { LS_REFUSED_FULL, LS_REFUSED_ADDRESS, LS_REFUSED_SYSTEM, LS_REFUSALS };

enum ls_cause { /* of a process's death: of signals, their number */
                LS_CAUSE_EXIT,
                LS_CAUSE_SIGNALS = 65,            /* the first that is none; killed for … */
                LS_CAUSE_WALL = LS_CAUSE_SIGNALS, /* … its wall time */
                LS_CAUSE_CPU,                     /* … its CPU time */
                LS_CAUSE_STOP,                    /* … not being done when the server stopped */
                LS_CAUSES
};

struct ls_tallies { /* plain counters: whoever dies just before has not counted */
    _Atomic uint64_t clients, forks, fork_us, reloads, failed_reloads, runs;
    _Atomic uint64_t budgets[LS_BUDGETS], refusals[LS_REFUSALS], deaths[LS_CAUSES];
};

struct ls_metrics {
    int64_t started;            /* seconds since 1970-01-01 UTC */
    uint64_t words;             /* 8 bytes each, that the undo log may change */
    const char *mode, *version; /* the supervisor's own texts, which its children have too */
    struct ls_tallies tallies;
    _Atomic uint32_t series[LS_METRICS_SERIES]; /* what is counted there; 0: nothing yet */
    _Atomic uint32_t used;                      /* of these */
    _Atomic uint32_t routes;                    /* that are known */
    char patterns[LS_METRICS_ROUTES][LS_METRICS_PATTERN];
    struct ls_metrics_shard shards[LS_METRICS_SHARDS + 1];
};

struct ls_metrics_user { /* who counts; all zero: nothing is counted */
    struct ls_metrics *metrics;
    struct ls_holder *holder; /* NULL: the supervisor */
    uint32_t number;
};

/* In zeroed memory, in which `size` bytes from here may hold words that are changed with the counters. */
void ls_metrics_init(struct ls_metrics *m, size_t size, int64_t now);

/* By the supervisor: the number of a route, the same whenever it comes with that text. NULL host: none. */
uint16_t ls_metrics_route(struct ls_metrics *m, const char *host, const char *pattern);

/* Counts it, and adds one to *counted, both or neither. */
void ls_metrics_add(const struct ls_metrics_user *u, const struct ls_measure *what,
                    uint64_t *counted);

/* By whoever reaps: see ls_store_recover. */
void ls_metrics_recover(struct ls_metrics *m, struct ls_holder *dead, uint32_t number);

/* All shards together, into LS_METRICS_SERIES counts that are zero. Every series as of one moment. */
void ls_metrics_read(const struct ls_metrics_user *u, struct ls_metrics_count *counts);

/* What series[…] says; false: nothing. */
bool ls_metrics_series(const struct ls_metrics *m, uint32_t index, struct ls_measure *what);

static inline void ls_tally(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

#endif
