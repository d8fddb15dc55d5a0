/* The counters as text, in the format 0.0.4 of Prometheus. */
#ifndef LS_EXCHANGE_EXPOSITION_H
#define LS_EXCHANGE_EXPOSITION_H

#include "base/buffer.h"
#include "exchange/commons.h"

#define LS_EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* How many clients are in each phase. */
struct ls_headcount {
    uint32_t phases[LS_PHASES];
};

/* As process `number` asks for it. 0 or -ENOMEM. */
int ls_exposition(const struct ls_commons *c, uint32_t number, const struct ls_headcount *clients,
                  struct ls_buffer *out);

#endif
