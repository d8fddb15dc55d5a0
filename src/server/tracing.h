/* Who records its syscalls where (os/ledger.h): ring 0 is the supervisor's; in mode "fork" each
 * worker has one, which nobody else gets before some more clients have ended, so that what they did
 * can be read a while longer; in mode "pool" each place has its own. */
#ifndef LS_SERVER_TRACING_H
#define LS_SERVER_TRACING_H

#include "os/ledger.h"

struct luaserve;

struct ls_tracing {
    struct ls_ledgers *all; /* NULL: nothing is recorded */
    struct ls_recorder recorder;
    uint32_t *ended;         /* rings whose workers have ended, the longest first: a circle */
    uint32_t first, waiting; /* of it */
    uint32_t touched;        /* rings that were ever given */
};

/* 0 or -errno. Before anybody is forked. Nothing unless the configuration asks for it. */
int ls_tracing_open(struct luaserve *s);
void ls_tracing_close(struct luaserve *s);

/* The process is in our hands, or in others' again, who may have other servers: what those ask is not
 * recorded. Open: it is in ours. */
void ls_tracing_resume(struct luaserve *s);
void ls_tracing_pause(struct luaserve *s);

/* The worker that is forked next, for that client, records; its first calls are the supervisor's for it. */
void ls_tracing_bequeath(struct luaserve *s, uint32_t client);
/* It was forked, or could not be: the next child records nothing. */
void ls_tracing_bequeathed(struct luaserve *s);
void ls_tracing_ended(struct luaserve *s, uint32_t client); /* its worker */

/* The same for a worker of a pool. */
void ls_tracing_bequeath_place(struct luaserve *s, uint32_t place);
uint32_t ls_tracing_ring_of_place(uint32_t place); /* where that one records */

#endif
