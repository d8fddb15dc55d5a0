/* What the log says of clients that speak something else. */
#ifndef LS_EXCHANGE_HINT_H
#define LS_EXCHANGE_HINT_H

#include "exchange/engine.h"

/* Somebody wrote https:// where http:// was meant: worth a line in the log, once. `input`: what came in place
 * of a head. */
void ls_hint_at_tls(const struct ls_engine *e, struct ls_slice input);

#endif
