/* A worker's wait on behalf of a handler, which an interrupt ends. */
#ifndef LS_SERVER_PAUSE_H
#define LS_SERVER_PAUSE_H

#include "lua/state.h"

/* Until `until` (µs of ls_clock_us), or one of `events` (POLLIN, POLLOUT), or the end of the connection
 * behind `fd` (-1: none). 1: something of the kind; 0: it is time; -EINTR: the handler is to be
 * interrupted. */
int ls_pause(const struct ls_lua *lua, int fd, short events, uint64_t until);

#endif
