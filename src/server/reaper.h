/* The end of workers: why, what their client still has to be told, and when its socket closes. */
#ifndef LS_SERVER_REAPER_H
#define LS_SERVER_REAPER_H

#include "server/death.h"
#include "server/server.h"

/* Reaps every child that has ended, of this process's, which has no others than ours. */
void ls_reaper_run(struct luaserve *s);

/* Reaps that one of ours. False: it has not ended. */
bool ls_reaper_reap(struct luaserve *s, int pid);

/* A worker of mode "fork" has ended: its client is told what is left to tell. */
void ls_reaper_ended(struct luaserve *s, int pid, const struct ls_death *death);

/* Input on the socket of a client whose worker has gone: thrown away, to its end. */
void ls_reaper_drain(struct luaserve *s, uint32_t client);

/* Closes the client's socket, and strikes it off the book. Its worker has been reaped. */
void ls_reaper_close(struct luaserve *s, uint32_t client);

/* Closes the clients that have lingered long enough. */
void ls_reaper_close_overdue(struct luaserve *s, uint64_t now);

#endif
