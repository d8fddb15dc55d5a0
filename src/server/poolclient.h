/* A client of mode "pool": the seat it has while it is at a request, what it waits for, its turns. */
#ifndef LS_SERVER_POOLCLIENT_H
#define LS_SERVER_POOLCLIENT_H

#include "server/poolworker.h"

struct ls_driver ls_poolclient_driver(void);

static inline struct ls_member *ls_poolclient_member(struct ls_poolworker *w,
                                                     const struct ls_seat *seat)
{
    return &w->members.all[seat->member];
}

/* Something has happened to its socket: it gets a turn, which the next function gives it. */
void ls_poolclient_note(struct ls_poolworker *w, uint32_t member, uint32_t events);
void ls_poolclient_take_turn(void *worker, uint32_t member);

/* What it waits for may be there; or the engine was told something, and is to be stepped first. */
void ls_poolclient_serve(struct ls_poolworker *w, uint32_t member);
void ls_poolclient_go_on(struct ls_poolworker *w, uint32_t member);

/* When it is looked at next: as the deadline and the need of its seat say. */
void ls_poolclient_set_due(struct ls_poolworker *w, const struct ls_seat *seat);

/* Ends the connection of a client that waits between two requests. False: it has just asked for
 * something. */
bool ls_poolclient_close_idle(struct ls_poolworker *w, uint32_t member);
void ls_poolclient_close(struct ls_poolworker *w, uint32_t member); /* whatever it is at */

#endif
