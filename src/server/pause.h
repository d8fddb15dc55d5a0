/* A worker's wait on behalf of a handler, which an interrupt ends. */
#ifndef LS_SERVER_PAUSE_H
#define LS_SERVER_PAUSE_H

#include "lua/state.h"
#include "os/bell.h"

/* Until `until` (µs of ls_clock_us), or one of `events` (POLLIN, POLLOUT), or the end of the connection
 * behind `fd` (-1: none). 1: something of the kind; 0: it is time; -EINTR: the handler is to be
 * interrupted. */
int ls_pause(const struct ls_lua *lua, int fd, short events, uint64_t until);

/* The same for events, and until somebody rings the bell, which is opened if need be, or the server stops. 0;
 * -EINTR; or -errno. */
int ls_pause_events(const struct ls_engine *e, const struct ls_lua *lua, struct ls_bell *bell);

#endif
