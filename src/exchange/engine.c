#include "exchange/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/answer.h"
#include "exchange/dispatch.h"
#include "exchange/gzip.h"
#include "exchange/hint.h"
#include "exchange/representation.h"

enum {
    FIRST_OUTPUT = 1024, /* bytes: most heads and short answers fit */
    FIRST_FIELDS = 64,
    FIRST_STORE = 512,     /* four times a target, and four */
    COALESCE = 64 << 10,   /* bytes of complete responses that wait for more of them */
    LINGER_MOST = 1 << 20, /* bytes thrown away before we stop waiting for a client to finish */
    BODY_ROOM = 64 << 10,  /* bytes of input beside the largest head: of a body at one read */
    MOST_KEPT = 16 << 10   /* bytes of a buffer that an engine at rest keeps */
};

int ls_engine_init(struct ls_engine *e, const struct ls_site *site, struct ls_driver *driver)
{
    *e = (struct ls_engine) { .site = site, .driver = driver };
    ls_output_init(&e->out);
    e->head.fields = calloc(site->head.count, sizeof *e->head.fields);
    if (!e->head.fields || ls_engine_room(e).len == 0)
        return -ENOMEM;
    ls_buffer_reserve(&e->response.fields, FIRST_FIELDS);
    ls_buffer_reserve(&e->response.type, FIRST_FIELDS);
    e->store = malloc(FIRST_STORE);
    e->store_cap = e->store ? FIRST_STORE : 0;
    return ls_buffer_reserve(&e->out.bytes, FIRST_OUTPUT);
}

void ls_engine_open(struct ls_engine *e, uint64_t client, uint64_t seq, const struct ls_peer *peer)
{
    e->client = client;
    e->seq = seq;
    e->since = 0;
    e->peer = *peer;
    e->live = LS_LIVE_NOT;
    e->gone = e->torn = e->eof = e->begun = e->parsed = e->answering = e->streaming = false;
    e->declined = e->unrouted = e->noted = false;
    e->out.gone = 0;
    e->in.len = e->in.used = e->in.head = 0;
    ls_output_cut(&e->out, 0);
    ls_packing_free(&e->packing);
    ls_response_reset(&e->response);
    e->state = LS_ENGINE_READ;
    e->phase = LS_PHASE_START;
    e->limits = e->site->limits;
    ls_head_reset(&e->head);
    ls_engine_record(e);
}

void ls_engine_free(struct ls_engine *e)
{
    free(e->head.fields);
    free(e->store);
    ls_input_free(&e->in);
    ls_output_free(&e->out);
    ls_buffer_free(&e->content);
    ls_response_free(&e->response);
    ls_packing_free(&e->packing);
    *e = (struct ls_engine) { .out.file = -1 };
}

static uint64_t budget(const struct ls_engine *e, enum ls_phase phase)
{
    switch (phase) {
    case LS_PHASE_IDLE:
        return e->site->idle_timeout;
    case LS_PHASE_HEAD:
        return e->site->head_timeout;
    case LS_PHASE_SEND:
        return ls_site_send_window(e->site, e->limits.send_timeout);
    default:
        return e->site->linger_timeout;
    }
}

static bool enter(struct ls_engine *e, enum ls_phase phase, uint64_t deadline)
{
    e->phase = phase;
    if (!e->gone && !e->driver->enter(e->driver, e, phase, deadline))
        e->gone = true;
    return !e->gone;
}

/* A body's time begins again with every wait, but all of them together have their bound too. */
static uint64_t body_deadline(struct ls_engine *e, uint64_t now)
{
    if (e->body_from == 0)
        e->body_from = now;
    uint64_t rate = e->body_from + ls_site_allowance(e->site, e->body.taken) - e->body_time;
    uint64_t progress = now + e->limits.body_timeout;
    return rate < progress ? rate : progress;
}

/* Idle, head and linger times are total; body and send times begin again with every wait. */
static void enter_wait(struct ls_engine *e, enum ls_phase phase, uint64_t now)
{
    if (e->account)
        ls_account_settle(e, now);
    if (e->since == 0 || phase == LS_PHASE_IDLE)
        e->since = now;
    if (phase == LS_PHASE_BODY)
        enter(e, phase, body_deadline(e, now));
    else if (phase != e->phase || phase == LS_PHASE_SEND)
        enter(e, phase, now + budget(e, phase));
}

void ls_engine_set_need(struct ls_engine *e, enum ls_need_kind kind, enum ls_phase phase,
                        uint64_t until)
{
    e->need = (struct ls_need) { kind, phase, until, NULL };
    e->flushed |= kind == LS_NEED_OUTPUT && e->answering;
    if (kind == LS_NEED_TIME) {
        if (e->streaming) /* a stream may pause as long as it likes */
            enter(e, LS_PHASE_HANDLER, 0);
        return;
    }
    uint64_t now = ls_clock_us();
    if (e->paused_at == 0)
        e->paused_at = now; /* from here on the handler's time stands still */
    enter_wait(e, phase, now);
}

void ls_engine_set_events(struct ls_engine *e, struct ls_events *events)
{
    e->need = (struct ls_need) { LS_NEED_EVENTS, LS_PHASE_LIVE, 0, events };
    if (e->streaming)
        enter(e, LS_PHASE_LIVE, 0); /* who waits so has its own time */
    else
        events->until = ls_clock_sooner(events->until, e->wall_until);
}

bool ls_engine_enter_handler(struct ls_engine *e)
{
    uint64_t now = ls_clock_us();
    if (e->account)
        ls_account_settle(e, now);
    if (e->paused_at > 0)
        e->wall_until += now - e->paused_at;
    if (e->body_from > 0)
        e->body_time += now - e->body_from;
    e->paused_at = e->body_from = 0;
    if (e->streaming)
        return enter(e, LS_PHASE_HANDLER, e->wall_until = now + e->limits.wall);
    if (e->phase == LS_PHASE_HANDLER && !e->driver->yields) /* it has not left */
        return !e->gone;
    return enter(e, LS_PHASE_HANDLER, e->wall_until);
}

static bool needs(struct ls_engine *e, struct ls_need *need, enum ls_need_kind kind,
                  enum ls_phase phase)
{
    enter_wait(e, phase, ls_clock_us());
    ls_engine_record(e);
    *need = (struct ls_need) { .kind = kind, .phase = phase };
    return false;
}

struct ls_slice ls_engine_room(struct ls_engine *e)
{
    size_t head = (size_t)e->site->head.line + e->site->head.headers;
    uint64_t left = e->body.done ? 0 : e->body.chunked ? BODY_ROOM : e->body.left;
    size_t wanted = left == 0 ? 1 : left < BODY_ROOM ? (size_t)left : BODY_ROOM;
    return ls_input_room(&e->in, wanted, head + BODY_ROOM);
}

void ls_engine_received(struct ls_engine *e, size_t len)
{
    e->eof |= len == 0;
    e->in.len += len;
}

void ls_engine_gone(struct ls_engine *e)
{
    e->gone = true;
}

void ls_engine_tear(struct ls_engine *e)
{
    e->gone = e->torn = true;
}

static void begin_request(struct ls_engine *e)
{
    e->begun = true;
    e->seq++;
    e->skip = 0;
    e->keep = e->parsed = e->continued = e->streaming = e->answering = e->flushed = false;
    e->live = LS_LIVE_NOT;
    e->drained = e->body_from = e->body_time = e->begun_at = e->since = 0;
    e->match.route = NULL;
    ls_engine_record(e);
    ls_buffer_clear(&e->content);
    ls_request_id(e->site->nonce, e->client, e->seq, e->id);
}

static bool read_head(struct ls_engine *e, struct ls_need *need)
{
    struct ls_slice rest = ls_input_rest(&e->in);
    if (rest.len > 0 && !e->begun)
        begin_request(e);
    int32_t parsed = rest.len > 0 ? ls_head_parse(&e->head, &e->site->head, rest.at, rest.len) : 0;
    if (parsed == 0 && ls_output_pending(&e->out))
        return needs(e, need, LS_NEED_OUTPUT, LS_PHASE_SEND);
    if (parsed == 0 && e->eof) {
        e->state = LS_ENGINE_OVER;
        return true;
    }
    if (parsed == 0)
        return needs(e, need, LS_NEED_INPUT, rest.len > 0 ? LS_PHASE_HEAD : LS_PHASE_IDLE);
    if (parsed < 0) {
        ls_hint_at_tls(e, rest);
        ls_answer_refuse(e, -parsed);
        return true;
    }
    ls_input_keep_head(&e->in, (size_t)parsed);
    ls_body_begin(&e->body, &e->head);
    e->parsed = true;
    e->keep = e->head.keep_alive;
    e->state = LS_ENGINE_DISPATCH;
    return true;
}

static bool ran(struct ls_engine *e, enum ls_ran result, struct ls_need *need)
{
    switch (result) {
    case LS_RAN_WAIT:
        e->state = LS_ENGINE_WAITING;
        *need = e->need;
        return false;
    case LS_RAN_NEXT:
        ls_dispatch_next(e);
        return true;
    case LS_RAN_DONE:
    default:
        if (e->state == LS_ENGINE_RUN || e->state == LS_ENGINE_WAITING)
            ls_answer_refuse(e, 500);
        return true;
    }
}

static bool run(struct ls_engine *e, struct ls_need *need)
{
    const struct ls_handlers *h = &e->site->handlers;
    if (ls_output_pending(&e->out)) /* what is said of this request is its answer alone */
        return needs(e, need, LS_NEED_OUTPUT, LS_PHASE_SEND);
    uint64_t now = ls_clock_us();
    e->begun_at = e->begun_at ? e->begun_at : now; /* a handler before has passed it on */
    if (e->account)
        ls_account_settle(e, now);
    e->since = e->since ? e->since : now;
    e->wall_until = now + e->limits.wall;
    e->paused_at = 0;
    if (!enter(e, LS_PHASE_HANDLER, e->wall_until))
        return true;
    return ran(e, h->start(h->ctx, e, e->handler_number), need);
}

static bool resume(struct ls_engine *e, struct ls_need *need)
{
    const struct ls_handlers *h = &e->site->handlers;
    if (!ls_engine_enter_handler(e))
        return true;
    return ran(e, h->resume(h->ctx, e), need);
}

/* Takes in what is left of the body. 1: all of it; 0: more has to come; -1: not worth it. */
static int drain(struct ls_engine *e)
{
    struct ls_slice run;
    int got;
    while ((got = ls_body_take(&e->body, &e->in, &run)) > 0)
        if ((e->drained += run.len) > LS_ANSWER_DRAIN)
            return -1;
    if (e->body.done)
        return 1;
    return got < 0 || e->eof ? -1 : 0;
}

/* Handlers that left the request to others let go of it. */
static void tell_done(struct ls_engine *e)
{
    const struct ls_handlers *h = &e->site->handlers;
    if ((e->declined || e->unrouted) && h->done)
        h->done(h->ctx, e);
    e->declined = e->unrouted = false;
}

static void next_request(struct ls_engine *e)
{
    tell_done(e);
    ls_input_next(&e->in);
    ls_head_reset(&e->head);
    ls_response_reset(&e->response);
    e->begun = false;
    e->phase = LS_PHASE_START; /* what comes now is entered anew, though it be IDLE after IDLE */
    e->state = LS_ENGINE_READ;
}

static bool pack(struct ls_engine *e, struct ls_need *need)
{
    if (ls_output_pending(&e->out))
        return needs(e, need, LS_NEED_OUTPUT, LS_PHASE_SEND);
    if (ls_representation_more(e) < 0)
        ls_engine_tear(e);
    return true;
}

static bool finish(struct ls_engine *e, struct ls_need *need)
{
    int drained = e->keep ? drain(e) : -1;
    bool full = ls_account_is_full(e->account);
    if (e->out.file >= 0 || e->out.bytes.len > COALESCE || (full && ls_output_pending(&e->out)) ||
        (drained == 0 && ls_output_pending(&e->out)))
        return needs(e, need, LS_NEED_OUTPUT, LS_PHASE_SEND);
    if (drained == 0)
        return needs(e, need, LS_NEED_INPUT, LS_PHASE_IDLE);
    if (full)
        ls_account_settle(e, ls_clock_us());
    if (drained > 0)
        next_request(e);
    else
        e->state = LS_ENGINE_CLOSE;
    return true;
}

static bool close_gently(struct ls_engine *e, struct ls_need *need)
{
    if (ls_output_pending(&e->out))
        return needs(e, need, LS_NEED_OUTPUT, LS_PHASE_SEND);
    bool unread = !e->parsed || !e->body.done || ls_input_rest(&e->in).len > 0;
    e->drained = 0;
    e->state = unread && !e->eof ? LS_ENGINE_LINGER : LS_ENGINE_OVER;
    return true;
}

/* Reads on so that no reset overtakes the answer (RFC 9112 9.6). */
static bool linger(struct ls_engine *e, struct ls_need *need)
{
    e->drained += ls_input_rest(&e->in).len;
    e->in.len = e->in.used = e->in.head = 0;
    if (e->eof || e->drained > LINGER_MOST) {
        e->state = LS_ENGINE_OVER;
        return true;
    }
    return needs(e, need, LS_NEED_INPUT, LS_PHASE_LINGER);
}

static bool over(struct ls_engine *e, struct ls_need *need)
{
    tell_done(e);
    if (e->account)
        ls_account_settle(e, ls_clock_us());
    e->driver->enter(e->driver, e, e->torn ? LS_PHASE_TORN : LS_PHASE_GONE, 0);
    *need = (struct ls_need) { .kind = LS_NEED_END, .phase = LS_PHASE_GONE };
    return false;
}

static bool advance(struct ls_engine *e, struct ls_need *need)
{
    switch (e->state) {
    case LS_ENGINE_READ:
        return read_head(e, need);
    case LS_ENGINE_DISPATCH:
        ls_dispatch(e);
        return true;
    case LS_ENGINE_RUN:
        return run(e, need);
    case LS_ENGINE_WAITING:
        return resume(e, need);
    case LS_ENGINE_PACK:
        return pack(e, need);
    case LS_ENGINE_ANSWERED:
        return finish(e, need);
    case LS_ENGINE_CLOSE:
        return close_gently(e, need);
    case LS_ENGINE_LINGER:
        return linger(e, need);
    case LS_ENGINE_OVER:
    default:
        return over(e, need);
    }
}

/* A handler that waits is left for good: nothing that it closes now reaches the client. */
static void drop(struct ls_engine *e)
{
    bool gone = e->gone;
    e->driver->enter(e->driver, e, LS_PHASE_HANDLER, ls_clock_us() + e->limits.wall);
    e->gone = true;
    e->site->handlers.drop(e->site->handlers.ctx, e);
    e->gone = gone;
}

static bool has_answered(const struct ls_engine *e)
{
    return e->state == LS_ENGINE_LINGER ||
           (e->state == LS_ENGINE_ANSWERED && !ls_output_pending(&e->out));
}

void ls_engine_abandon(struct ls_engine *e, int status)
{
    bool waiting = e->state == LS_ENGINE_WAITING;
    if (waiting)
        drop(e);
    e->keep = false;
    if (waiting && ls_answer_begun(e) && !ls_answer_retract(e))
        ls_engine_tear(e);
    else if (waiting || (e->state == LS_ENGINE_READ && e->begun))
        ls_answer_refuse(e, status);
    else if (e->state == LS_ENGINE_READ || has_answered(e))
        e->state = LS_ENGINE_OVER;
    else
        ls_engine_tear(e);
}

bool ls_engine_resting(const struct ls_engine *e)
{
    return e->state == LS_ENGINE_READ && !e->begun && !e->eof && !e->gone && e->in.len == 0 &&
           !ls_output_pending(&e->out);
}

void ls_engine_slim(struct ls_engine *e)
{
    if (e->in.cap > MOST_KEPT)
        ls_input_free(&e->in);
    ls_buffer_slim(&e->content, MOST_KEPT);
    ls_buffer_slim(&e->out.bytes, MOST_KEPT);
}

struct ls_need ls_engine_step(struct ls_engine *e)
{
    struct ls_need need = { .kind = LS_NEED_END };
    do {
        if (e->gone && e->state == LS_ENGINE_WAITING)
            drop(e);
        if (e->gone)
            e->state = LS_ENGINE_OVER;
    } while (advance(e, &need) || (e->gone && need.kind != LS_NEED_END));
    return need;
}
