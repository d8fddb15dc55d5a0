/* Who gets in: the listening sockets, and what becomes of those who come when the house is full.
 *
 * At processes.max_clients whoever comes waits in the backlog. A client that is idle between two
 * requests is closed for it; where none is for processes.queue_timeout, those who wait are answered
 * 503. One address gets no more than processes.per_address. */
#ifndef LS_SERVER_DOOR_H
#define LS_SERVER_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "server/listeners.h"
#include "server/strangers.h"

struct luaserve;

/* Who lives behind it: clients of a supervisor, or of a worker. */
struct ls_house {
    uint32_t how;       /* EPOLL* beside EPOLLIN, for the listeners */
    unsigned accepts;   /* clients taken at one go, before we look at anything else */
    const char *cannot; /* what the log says when take fails: "cannot fork a worker" */
    int (*accept)(struct luaserve *s, int listener, struct ls_address *peer);
    /* Takes the socket over; service 0: HTTP. 0, or -errno with nothing changed. */
    int (*take)(struct luaserve *s, int fd, const struct ls_address *peer, uint32_t service);
    /* Keeps a place for who is let in next, until somebody is or it is released. False: there is none. */
    bool (*reserve)(struct luaserve *s);
    void (*release)(struct luaserve *s);
    bool (*is_crowd)(struct luaserve *s, const struct ls_address *peer); /* as many as it may be */
    /* Makes room, if somebody of that address (NULL: of any) is idle. False: nobody is. */
    bool (*evict)(struct luaserve *s, const struct ls_address *address);
    uint64_t (*number)(struct luaserve *s); /* of the next client */
};

struct ls_door {
    const struct ls_house *house;
    bool held;           /* until the reload has ended */
    bool open;           /* the listeners are watched */
    uint64_t again;      /* µs: the system is out of something, shut until then; 0: it is not */
    uint64_t full_until; /* µs: somebody waits until then for room; 0: nobody does */
    struct ls_strangers strangers;
};

/* Opens, and watches s->listeners. 0 or -errno. */
int ls_door_open(struct luaserve *s, const struct ls_house *house);

/* For good: nobody comes any more. The listeners stay as they are. */
void ls_door_close(struct luaserve *s);

/* From now on s->listeners are those. */
void ls_door_move(struct luaserve *s, const struct ls_listeners *listeners);

/* Shut while a reload is on: who comes waits for what it makes. */
void ls_door_hold(struct luaserve *s);

/* Somebody knocks at listener `index`. */
void ls_door_answer(struct luaserve *s, uint32_t index);

/* The line in the log about who has come, and which worker serves it. Those of HTTP are told by their
 * requests. */
void ls_door_tell(const struct luaserve *s, const struct ls_address *peer, uint32_t service,
                  int worker);

/* Has somebody who has not asked for anything yet, and may stay idle until `until`, only just come? Then its
 * request is on its way, most likely, and it is not to go for another one. */
bool ls_door_is_fresh(const struct luaserve *s, uint64_t until, uint64_t now);

/* Opens or shuts as things are now. When to look again, in µs; 0: no need. */
uint64_t ls_door_look(struct luaserve *s, uint64_t now);

#endif
