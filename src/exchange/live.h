/* Connections that a handler has for itself: it reads and writes the client's socket, and the engine
 * only knows when it waits and when it is over. */
#ifndef LS_EXCHANGE_LIVE_H
#define LS_EXCHANGE_LIVE_H

#include "exchange/engine.h"

/* Right after ls_engine_open: no request is read, that handler has the socket from the beginning.
 * `own`: its limits, where it has any. */
void ls_live_open(struct ls_engine *e, int handler, const struct ls_limits *own);

/* Right after ls_engine_open: that handler runs, and there is no client. */
void ls_live_schedule(struct ls_engine *e, int handler, const struct ls_limits *own);

/* Once ls_answer_switch has been written out the handler has the socket; what came behind the request's
 * head is appended to `rest`. 0 or -ENOMEM. */
int ls_live_upgrade(struct ls_engine *e, struct ls_buffer *rest);

/* The handler has written something: its wall time begins anew, as it does with every wait. */
void ls_live_progress(struct ls_engine *e);

/* The handler is over: the connection ends, gently. `eof`: the client has said its last. */
void ls_live_end(struct ls_engine *e, bool eof);

static inline bool ls_live_has_socket(const struct ls_engine *e)
{
    return e->live >= LS_LIVE_UPGRADED;
}

#endif
