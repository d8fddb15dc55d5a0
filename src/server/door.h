/* Who gets in: the listening sockets, and what becomes of those who come when the house is full.
 *
 * At processes.max_clients whoever comes waits in the backlog. A client that is idle between two
 * requests is closed for it; where none is for processes.queue_timeout, those who wait are answered
 * 503. One address gets no more than processes.per_address. */
#ifndef LS_SERVER_DOOR_H
#define LS_SERVER_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "server/census.h"
#include "server/listeners.h"
#include "server/strangers.h"

struct luaserve;

struct ls_door {
    bool open;           /* the listeners are watched */
    uint64_t again;      /* µs: the system is out of something, shut until then; 0: it is not */
    uint64_t full_until; /* µs: somebody waits until then for room; 0: nobody does */
    struct ls_strangers strangers;
    struct ls_census census;
};

/* Opens, and watches s->listeners. 0 or -errno. */
int ls_door_open(struct luaserve *s);

/* For good: nobody comes any more. */
void ls_door_close(struct luaserve *s);

/* From now on the listeners are those, and others that there were are closed. */
void ls_door_move(struct luaserve *s, const struct ls_listeners *listeners);

/* Somebody knocks at listener `index`. */
void ls_door_answer(struct luaserve *s, uint32_t index);

/* Opens or shuts as things are now. When to look again, in µs; 0: no need. */
uint64_t ls_door_look(struct luaserve *s, uint64_t now);

/* A client of that address is no more. */
void ls_door_left(struct luaserve *s, const struct ls_address *address);

#endif
