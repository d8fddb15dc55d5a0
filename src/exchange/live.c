#include "exchange/live.h"

#include <errno.h>

#include "base/clock.h"

/* No answer of ours would be understood. */
static void open_without_request(struct ls_engine *e, enum ls_live live, int handler,
                                 const struct ls_limits *own)
{
    e->begun = e->answering = e->flushed = true;
    e->seq++;
    ls_request_id(e->site->nonce, e->client, e->seq, e->id);
    e->limits = ls_limits_of(&e->site->limits, own);
    e->handler_number = handler;
    e->live = live;
    e->keep = e->parsed = false;
    e->state = LS_ENGINE_RUN;
}

void ls_live_open(struct ls_engine *e, int handler, const struct ls_limits *own)
{
    open_without_request(e, LS_LIVE_RAW, handler, own);
    e->streaming = true;
}

/* Its wall time is that of all of it, as a request's. */
void ls_live_schedule(struct ls_engine *e, int handler, const struct ls_limits *own)
{
    open_without_request(e, LS_LIVE_SCHEDULE, handler, own);
    e->eof = true;
}

int ls_live_upgrade(struct ls_engine *e, struct ls_buffer *rest)
{
    struct ls_slice left = ls_input_rest(&e->in);
    e->live = LS_LIVE_UPGRADED;
    ls_buffer_slice(rest, left);
    ls_input_use(&e->in, left.len);
    return rest->failed ? -ENOMEM : 0;
}

/* Not each time: it costs a little, and nobody counts that exactly. */
void ls_live_progress(struct ls_engine *e)
{
    if (ls_clock_us() + e->limits.wall - e->wall_until > e->limits.wall / 8)
        ls_engine_enter_handler(e);
}

void ls_live_end(struct ls_engine *e, bool eof)
{
    e->keep = e->answering = e->parsed = false; /* not parsed: there may be more to come in */
    e->eof |= eof;
    e->state = LS_ENGINE_CLOSE;
}
