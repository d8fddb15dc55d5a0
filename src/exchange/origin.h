/* Whom a request comes from, and for which host: what the connection and the head say. */
#ifndef LS_EXCHANGE_ORIGIN_H
#define LS_EXCHANGE_ORIGIN_H

#include "exchange/engine.h"

/* Of the target, where it names one, else of the Host field: host[:port], as sent. */
struct ls_slice ls_origin_host(const struct ls_engine *e);

struct ls_slice ls_origin_scheme(const struct ls_engine *e); /* "http" or "https" */

#endif
