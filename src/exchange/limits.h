/* What one request may take: the server's limits, and those that a route has of its own. */
#ifndef LS_EXCHANGE_LIMITS_H
#define LS_EXCHANGE_LIMITS_H

#include <stdint.h>

struct ls_limits {                       /* of a route: 0 where it has none of its own */
    uint64_t body;                       /* bytes */
    uint64_t wall, cpu;                  /* µs of a handler */
    uint64_t memory;                     /* bytes of Lua heap beside what the scripts loaded */
    uint64_t body_timeout, send_timeout; /* µs */
    uint64_t live_timeout;               /* µs without a sign of life on a live connection */
};

/* `own` where it says something, else the server's. */
static inline struct ls_limits ls_limits_of(const struct ls_limits *server,
                                            const struct ls_limits *own)
{
    return (struct ls_limits) {
        .body = own->body ? own->body : server->body,
        .wall = own->wall ? own->wall : server->wall,
        .cpu = own->cpu ? own->cpu : server->cpu,
        .memory = own->memory ? own->memory : server->memory,
        .body_timeout = own->body_timeout ? own->body_timeout : server->body_timeout,
        .send_timeout = own->send_timeout ? own->send_timeout : server->send_timeout,
        .live_timeout = own->live_timeout ? own->live_timeout : server->live_timeout,
    };
}

#endif
