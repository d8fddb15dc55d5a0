/* What answers the request at hand: a route's handler (the engine is left in LS_ENGINE_RUN), a
 * file, a redirect, or an error page (it is left answered). */
#ifndef LS_EXCHANGE_DISPATCH_H
#define LS_EXCHANGE_DISPATCH_H

#include "exchange/engine.h"

void ls_dispatch(struct ls_engine *e);

#endif
