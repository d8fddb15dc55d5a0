/* The parent: waits, accepts, forks, reaps, closes. It never waits for a client. */
#ifndef LS_SERVER_SUPERVISOR_H
#define LS_SERVER_SUPERVISOR_H

#include "server/server.h"

/* Begins to serve. 0; or -errno, and all is as before. */
int ls_supervisor_start(struct luaserve *s);

/* Waits for at most so many ms (-1: as long as it takes) until there is something to do, and does it. False:
 * s->stop was set, and the last worker is gone. */
bool ls_supervisor_step(struct luaserve *s, int most_ms);
void ls_supervisor_run(struct luaserve *s); /* the same, until it is */

/* Something was asked of it, which it is to look at. Async-signal-safe. */
void ls_supervisor_wake(const struct luaserve *s);

/* Closes what is the supervisor's own: at its end, or in a child that is none. */
void ls_supervisor_leave(struct luaserve *s);

/* With a sandbox, nobody may look into the supervisor's memory: whoever may open files could else. */
void ls_supervisor_hide(const struct luaserve *s);

/* The mask of those that luaserve_handle_signals is about. */
uint64_t ls_supervisor_signals(void);

#endif
