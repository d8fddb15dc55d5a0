/* The supervisor as the clock: what every client's phase may take, and what happens then. */
#ifndef LS_SERVER_BUDGETS_H
#define LS_SERVER_BUDGETS_H

#include "server/server.h"

/* The generation is another than before: how often to look at the least. */
void ls_budgets_measure(struct luaserve *s);

/* Looks at all clients; ends what is over its time. Returns the µs of ls_clock_us at which to
 * look again (0: no client, no need). */
uint64_t ls_budgets_look(struct luaserve *s, uint64_t now);

/* Takes clients of other generations than the newest that wait between two requests. */
void ls_budgets_close_idle(struct luaserve *s);

/* Makes room: closes the client that has waited longest between two requests, of that address
 * (NULL: of any). False when there is none; true also when one is on its way out already. */
bool ls_budgets_evict(struct luaserve *s, const struct ls_address *address);

/* Ends the worker and whatever it has started, at once. A request that it was at, and of whose answer
 * nothing is out, is answered 503; the log says why. */
void ls_budgets_end(struct luaserve *s, uint32_t client, const char *why);

#endif
