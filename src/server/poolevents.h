/* Mode "pool": what a handler that has its connection for itself waits for, beside its time. */
#ifndef LS_SERVER_POOLEVENTS_H
#define LS_SERVER_POOLEVENTS_H

#include "server/poolworker.h"

/* The handler begins to wait: it has just found that the sockets which it names have no more to say. */
void ls_poolevents_begin(struct ls_poolworker *w, struct ls_seat *seat);
bool ls_poolevents_writes(const struct ls_seat *seat, int fd); /* and wants to write there */
/* Has one of the events come? Fills in which. */
bool ls_poolevents_ready(struct ls_poolworker *w, struct ls_seat *seat);
void ls_poolevents_watch(struct ls_poolworker *w, struct ls_seat *seat); /* nothing has, so far */
void ls_poolevents_end(struct ls_poolworker *w, struct ls_seat *seat);

/* Everyone who waits for events is to look: the server stops. */
void ls_poolevents_stir(struct ls_poolworker *w);

#endif
