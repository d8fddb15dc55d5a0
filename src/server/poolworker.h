/* The worker of mode "pool": one process, many clients. The driver of the engine that waits for all of
 * them at once, with epoll, and leaves a handler that waits. */
#ifndef LS_SERVER_POOLWORKER_H
#define LS_SERVER_POOLWORKER_H

#include "base/buffer.h"
#include "exchange/engine.h"
#include "server/members.h"
#include "server/self.h"
#include "server/sending.h"

struct ls_pool_shared;

/* An engine, for as long as a client is at a request. */
struct ls_seat {
    struct ls_engine engine; /* first: the driver knows the seat by it */
    struct ls_need need;
    uint32_t member;
    uint64_t deadline; /* µs: of its phase; 0: none */
    bool rung;         /* one of the events that its handler waits for has happened */
    uint32_t watching; /* a bit for each of its events that is in the epoll set for it */
    struct ls_sending sending;
    struct ls_seat *next; /* that is free */
};

struct ls_poolworker {
    struct ls_driver driver; /* first: the engine knows the worker by it */
    struct luaserve *server;
    const struct ls_site *site;
    struct ls_pool_shared *shared;
    uint32_t place;
    struct ls_self self;
    uint64_t runs;           /* of handlers, from one wait to the next: the word's number */
    struct ls_seat *running; /* whose handler runs; NULL: none */
    struct ls_members members;
    struct ls_seat *free; /* the one that was used last is used next: it is in the caches */
    uint32_t idle;        /* members that are */
    struct ls_hand hand;
    bool retired, stops;
    bool asked; /* we have asked the others to make room: the bell will ring here too */
    struct ls_crash_stack *crash_stack;
    struct ls_buffer
        last_words[2]; /* whole answers, 500 and 503, in which ids and the date are to be
                                       replaced */
};

/* In the child: serves whoever comes to s->listeners until its generation is an old one, and ends the
 * process. */
_Noreturn void ls_poolworker_main(struct luaserve *s, uint32_t place);

#endif
