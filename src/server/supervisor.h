/* The parent: waits, accepts, forks, reaps, closes. It never waits for a client. */
#ifndef LS_SERVER_SUPERVISOR_H
#define LS_SERVER_SUPERVISOR_H

#include "server/server.h"

/* Serves until s->stop is set and the last worker is gone. 0, or -errno when it cannot begin. */
int ls_supervisor_run(struct luaserve *s);

/* Closes what is the supervisor's own: at its end, or in a child that is none. */
void ls_supervisor_leave(struct luaserve *s);

/* With a sandbox, nobody may look into the supervisor's memory: whoever may open files could else. */
void ls_supervisor_hide(const struct luaserve *s);

/* The mask of those that luaserve_handle_signals is about. */
uint64_t ls_supervisor_signals(void);

#endif
