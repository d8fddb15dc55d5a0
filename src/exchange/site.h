/* What every connection of a server shares and none changes: limits, routes, files, handlers. */
#ifndef LS_EXCHANGE_SITE_H
#define LS_EXCHANGE_SITE_H

#include <stdatomic.h>

#include "base/log.h"
#include "exchange/access.h"
#include "exchange/files.h"
#include "exchange/limits.h"
#include "exchange/mounts.h"
#include "exchange/schedules.h"
#include "exchange/services.h"

struct ls_engine;
struct ls_headcount;
struct ls_network;
struct ls_router;

/* What a handler did when it was started or resumed. */
enum ls_ran {
    LS_RAN_DONE, /* the engine holds its response */
    LS_RAN_WAIT, /* it waits for engine->need */
    LS_RAN_NEXT  /* app.next: ask the next route; what it said of the response is in e->response */
};

struct ls_handlers { /* how the layer above runs a handler */
    enum ls_ran (*start)(void *ctx, struct ls_engine *e, int handler);
    enum ls_ran (*resume)(void *ctx, struct ls_engine *e);
    void (*drop)(void *ctx, struct ls_engine *e); /* it waits, and nobody wants its answer */
    /* It said LS_RAN_NEXT, and the request is over. NULL: need not be told. */
    void (*done)(void *ctx, struct ls_engine *e);
    void *ctx;
    bool asks_first; /* before what no route answers a handler is asked … */
    int unrouted;    /* … which is this one */
};

struct ls_site {
    struct ls_head_limits head;
    struct ls_limits limits;                             /* of requests whose route has none */
    uint64_t head_timeout, idle_timeout, linger_timeout; /* µs */
    uint64_t min_rate, min_rate_after; /* bytes a second, µs: see ls_site_allowance */
    uint64_t requests;                 /* a connection may bring */
    const struct ls_router *router;
    struct ls_www www;
    const struct ls_services *services;
    const struct ls_schedules *schedules;
    const struct ls_mounts *mounts; /* folders of routes that are files; NULL: there are none */
    bool dev;                       /* error pages say what happened */
    bool traced;                    /* syscalls are recorded */
    struct ls_handlers handlers;
    const struct ls_log *log;
    const struct ls_access *access; /* NULL: no line is written for a request */
    bool counts;                    /* requests are: exchange/metrics.h */
    void (*count_clients)(void *of, struct ls_headcount *clients);
    void *count_clients_of;
    const struct ls_network *trusted; /* proxies that are believed */
    size_t trusted_count;
    const struct ls_network *observers; /* see exchange/observer.h */
    size_t observer_count;
    uint64_t nonce;                /* of this server's request ids */
    _Atomic uint32_t *tls_told;    /* not 0: it was logged that a client spoke TLS to us */
    _Atomic uint32_t *secret_told; /* not 0: it was logged that sessions end with the server */
    uint32_t generation;
    const _Atomic uint32_t *newest; /* another generation: see ls_site_retired */
};

/* The server stops, or has been reloaded: connections end after the answer they are at. */
static inline bool ls_site_retired(const struct ls_site *s)
{
    return s->newest && atomic_load(s->newest) != s->generation;
}

/* It stops: live connections end too. */
static inline bool ls_site_stops(const struct ls_site *s)
{
    return s->newest && atomic_load(s->newest) == 0;
}

/* How long `bytes` of a body or an answer may take, in µs: min_rate_after, and as long as they take
 * at the minimum rate. */
static inline uint64_t ls_site_allowance(const struct ls_site *s, uint64_t bytes)
{
    if (s->min_rate == 0 || bytes / s->min_rate > UINT32_MAX)
        return UINT64_MAX / 4;
    return s->min_rate_after + bytes / s->min_rate * 1000000 +
           bytes % s->min_rate * 1000000 / s->min_rate;
}

/* For how long an answer may be at one write before the supervisor looks whether it gets on. */
static inline uint64_t ls_site_send_window(const struct ls_site *s, uint64_t send_timeout)
{
    uint64_t allowance = ls_site_allowance(s, 0);
    return allowance < send_timeout ? allowance : send_timeout;
}

#endif
