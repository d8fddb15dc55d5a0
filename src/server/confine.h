/* What every worker does to itself before it serves: a process group of its own, limits, signals, the
 * sandbox. */
#ifndef LS_SERVER_CONFINE_H
#define LS_SERVER_CONFINE_H

#include "exchange/slot.h"
#include "server/generation.h"

/* In the child, first. It may open `descriptors` beside what lies below. */
void ls_confine(const struct luaserve *s, uint64_t descriptors);

/* Last: from here on signals come, and what the sandbox forbids is forbidden. */
void ls_confine_finish(const struct ls_generation *g, struct ls_slot *slot);

#endif
