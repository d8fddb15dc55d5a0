/* What answers the request at hand: a route's handler (the engine is left in LS_ENGINE_RUN), a
 * file, a redirect, or an error page (it is left answered). */
#ifndef LS_EXCHANGE_DISPATCH_H
#define LS_EXCHANGE_DISPATCH_H

#include "exchange/engine.h"

void ls_dispatch(struct ls_engine *e);

/* The handler that was run has returned app.next: whoever comes after it is to be asked. */
void ls_dispatch_next(struct ls_engine *e);

/* For a handler that stands before files or before what no route answers: the status that the request
 * would get there (of a file 200, whatever its conditions and ranges make of it), with what Allow
 * would say. 0: this route has no such file, and the next one is asked. */
int ls_dispatch_look(struct ls_engine *e, struct ls_buffer *allow);

/* Answers with the files of the route at hand. False: it has no such file. */
bool ls_dispatch_files(struct ls_engine *e);

#endif
