/* What others see of the clients of a pool's worker: the supervisor the handler that runs, in the worker's slot,
 * and observers each client, on its card. */
#ifndef LS_SERVER_POOLVIEW_H
#define LS_SERVER_POOLVIEW_H

#include "server/poolworker.h"

/* The handler of that client runs, until `deadline` (µs) at most; and no longer does. */
void ls_poolview_publish(struct ls_poolworker *w, struct ls_seat *seat, uint64_t deadline);
void ls_poolview_unpublish(struct ls_poolworker *w);

void ls_poolview_show(const struct ls_engine *e, struct ls_card *card);

#endif
