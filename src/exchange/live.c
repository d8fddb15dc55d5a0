#include "exchange/live.h"

#include <errno.h>

void ls_live_open(struct ls_engine *e, int handler, const struct ls_limits *own)
{
    e->begun = true;
    e->seq++;
    ls_request_id(e->site->nonce, e->client, e->seq, e->id);
    e->limits = ls_limits_of(&e->site->limits, own);
    e->handler_number = handler;
    e->live = LS_LIVE_RAW;
    e->streaming = e->answering = e->flushed = true; /* no answer of ours would be understood */
    e->keep = e->parsed = false;
    e->state = LS_ENGINE_RUN;
}

int ls_live_upgrade(struct ls_engine *e, struct ls_buffer *rest)
{
    struct ls_slice left = ls_input_rest(&e->in);
    e->live = LS_LIVE_UPGRADED;
    ls_buffer_slice(rest, left);
    ls_input_use(&e->in, left.len);
    return rest->failed ? -ENOMEM : 0;
}

void ls_live_end(struct ls_engine *e, bool eof)
{
    e->keep = e->answering = e->parsed = false; /* not parsed: there may be more to come in */
    e->eof |= eof;
    e->state = LS_ENGINE_CLOSE;
}
