/* The clients of one pool worker: a table that grows, and for each the time at which something is due. */
#ifndef LS_SERVER_MEMBERS_H
#define LS_SERVER_MEMBERS_H

#include "exchange/engine.h"
#include "exchange/roster.h"

struct ls_seat; /* an engine, and what goes with it */

struct ls_member {
    int fd;                  /* -1: free */
    bool readable, writable; /* as far as we know; a call says it better */
    bool drained;     /* the last read got less than it had room for: there is no more (epoll(7)),
                                unless it ends in the middle of something */
    bool hung_up;     /* the end of its input is there, or near */
    bool broken;      /* both ends are */
    bool watched;     /* for input … */
    bool watched_out; /* … and for output */
    bool queued;      /* to be served again soon */
    bool idle;        /* see ls_poolhouse_set_idle */
    bool said_all;    /* SHUT_WR is done */
    bool split;       /* it has, or had, a second process, which may hold the socket */
    struct ls_seat *seat; /* NULL: it waits between two requests, and needs none */
    uint32_t service;     /* it came to: see struct ls_listener */
    uint64_t number, seq; /* of the client, and of its last request */
    struct ls_card *card; /* what observers see of it; NULL: nothing */
    struct ls_peer peer;
};

struct ls_members {
    struct ls_member *all;
    uint64_t *due;  /* µs: together, since they are looked through; 0: never */
    uint32_t *free; /* indexes, the first free_count */
    uint32_t
        *queue; /* indexes of those that are queued, and, while they have their turns, also of those
                        that ask for the next one: room for 2 × cap */
    uint32_t count, cap, free_count, queued;
    uint64_t next; /* µs: nothing is due before; 0: nothing at all */
};

/* Its index, with nothing known of it but the socket; or -ENOMEM. */
int64_t ls_members_add(struct ls_members *m, int fd);
void ls_members_remove(struct ls_members *m, uint32_t index);
void ls_members_free(struct ls_members *m);

/* It is to have a turn, once. */
void ls_members_enqueue(struct ls_members *m, uint32_t index);

/* A turn for each that is queued and still here. It may ask for another one: that is in the next round. */
void ls_members_take_turns(struct ls_members *m, void (*turn)(void *ctx, uint32_t index),
                           void *ctx);

/* When something is due for it; 0: never. */
void ls_members_set_due(struct ls_members *m, uint32_t index, uint64_t at);

/* Calls `late` for everyone for whom something is due. It may remove that one, or set another time. */
void ls_members_look(struct ls_members *m, uint64_t now, void (*late)(void *ctx, uint32_t index),
                     void *ctx);

#endif
