/* What the supervisor counts and logs of requests: its own answers, and those of workers that ended before
 * they could do it themselves; and how workers have died. */
#ifndef LS_SERVER_ACCOUNTING_H
#define LS_SERVER_ACCOUNTING_H

#include "server/server.h"

struct ls_death;

/* The client has been told `status`, with so many bytes of body, in place of its worker's answer; `id` is
 * its request's. */
void ls_accounting_told(struct luaserve *s, uint32_t client, const char id[17], int status,
                        uint64_t bytes);
/* The worker is reaped, and has not counted all yet; its client's socket is still open. */
void ls_accounting_close(struct luaserve *s, uint32_t client);

/* The same for all clients of the worker of mode "pool" that was at that place, and for what its last words
 * have told one of them. */
void ls_accounting_close_pool(struct luaserve *s, uint32_t place);

/* For which of its budgets is the handler of that slot ended, after it was interrupted? Counts it. */
enum ls_cause ls_accounting_overrun(struct luaserve *s, const struct ls_slot *slot);

/* `cause` 0: as its status says. */
void ls_accounting_death(struct luaserve *s, const struct ls_death *death, enum ls_cause cause);

/* What requests of that generation will read when they ask for the metrics. */
void ls_accounting_serve(struct luaserve *s, struct ls_generation *g);

static inline struct ls_tallies *ls_tallies_of(const struct luaserve *s)
{
    return &s->shared->commons.metrics->tallies;
}

/* A process was made, which took from `began` (µs of ls_clock_us) until now. */
void ls_accounting_forked(const struct luaserve *s, uint64_t began);

#endif
