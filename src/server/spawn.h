/* A worker for a client that has just been accepted. */
#ifndef LS_SERVER_SPAWN_H
#define LS_SERVER_SPAWN_H

#include "server/server.h"

/* Forks a worker for the client behind `fd`, which belongs to the book of clients from then on. 0, or
 * -errno (-EBUSY: no worker gets on, as if all had been stopped) with nothing changed. */
int ls_spawn(struct luaserve *s, int fd, const struct ls_address *peer, uint32_t service);

#endif
