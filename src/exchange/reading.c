#include "exchange/reading.h"

#include <errno.h>

static int body_fault(struct ls_engine *e, int status)
{
    e->keep = false;
    return status;
}

static int ask_for_more(struct ls_engine *e)
{
    if (e->head.expect_continue && !e->continued && e->body.taken == 0) {
        ls_buffer_text(&e->out.bytes, "HTTP/1.1 100 Continue\r\n\r\n");
        e->continued = true;
    }
    if (ls_output_pending(&e->out))
        ls_engine_set_need(e, LS_NEED_OUTPUT, LS_PHASE_SEND, 0);
    else
        ls_engine_set_need(e, LS_NEED_INPUT, LS_PHASE_BODY, 0);
    return LS_BODY_WAITS;
}

/* As ls_engine_read_more, for a body of at most `most` bytes. */
static int read_more(struct ls_engine *e, uint64_t most)
{
    struct ls_slice run;
    size_t before = e->content.len;
    int got;
    if (e->gone)
        return -EPIPE;
    if (ls_body_exceeds(&e->body, most))
        return body_fault(e, -413);
    while ((got = ls_body_take(&e->body, &e->in, &run)) > 0) {
        if (ls_body_exceeds(&e->body, most))
            return body_fault(e, -413);
        ls_buffer_slice(&e->content, run);
        if (e->content.failed)
            return body_fault(e, -413);
    }
    if (e->content.len > before)
        return LS_BODY_MORE;
    if (e->body.done)
        return LS_BODY_OVER;
    return got < 0 || e->eof ? body_fault(e, -400) : ask_for_more(e);
}

int ls_engine_read_more(struct ls_engine *e)
{
    return read_more(e, e->limits.body);
}

int ls_engine_read_body(struct ls_engine *e)
{
    const struct ls_limits *l = &e->limits;
    uint64_t most = l->memory > 0 && l->memory < l->body ? l->memory : l->body;
    int got;
    while ((got = read_more(e, most)) == LS_BODY_MORE)
        ;
    return got;
}
