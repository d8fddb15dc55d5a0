/* How a handler, while it runs, reads the body of its request. */
#ifndef LS_EXCHANGE_READING_H
#define LS_EXCHANGE_READING_H

#include "exchange/engine.h"

enum ls_body_read {
    LS_BODY_WAITS, /* e->need says for what; ask again then */
    LS_BODY_MORE,  /* something has been appended to e->content */
    LS_BODY_OVER   /* all of it has been */
};

/* Appends what has come of the body to e->content, from which the handler takes it. One of the above,
 * or -413, -400 as a status; -EPIPE: the client is gone. */
int ls_engine_read_more(struct ls_engine *e);

/* The same up to its end, so that all that is left of it stands in e->content: it may have no more
 * bytes than limits.body, and than limits.memory. LS_BODY_MORE is not given. */
int ls_engine_read_body(struct ls_engine *e);

#endif
