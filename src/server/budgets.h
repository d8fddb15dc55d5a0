/* The supervisor as the clock: what every client's phase may take, and what happens then. */
#ifndef LS_SERVER_BUDGETS_H
#define LS_SERVER_BUDGETS_H

#include "server/server.h"

/* Looks at all clients; ends what is over its time. Returns the µs of ls_clock_us at which to
 * look again (0: no client, no need). */
uint64_t ls_budgets_look(struct luaserve *s, uint64_t now);

/* Takes clients of other generations than the newest that wait between two requests. */
void ls_budgets_close_idle(struct luaserve *s);

/* Ends the worker and whatever it has started, at once. */
void ls_budgets_kill(struct luaserve *s, uint32_t client);

#endif
