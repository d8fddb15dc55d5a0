/* Who comes to a pool worker and who leaves it, and what the others are told of that. */
#ifndef LS_SERVER_POOLHOUSE_H
#define LS_SERVER_POOLHOUSE_H

#include "server/door.h"
#include "server/poolworker.h"

extern const struct ls_house ls_poolhouse;

/* It waits, and for nothing but another request or its end; or no longer. */
void ls_poolhouse_set_idle(struct ls_poolworker *w, uint32_t member, bool idle);

/* The client has gone, and its socket is closed. */
void ls_poolhouse_left(struct ls_poolworker *w, uint32_t member);

/* Another worker wants room: if somebody is idle here, the one that is for longest goes. */
void ls_poolhouse_make_room(struct ls_poolworker *w);

#endif
