#include "server/worker.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/answer.h"
#include "exchange/live.h"
#include "lua/handler.h"
#include "os/sys.h"
#include "server/confine.h"
#include "server/pause.h"
#include "server/server.h"
#include "server/transfer.h"

/* ---- the slot ---- */

/* What the slot says of a request is not to be taken for the next one's. */
static void forget_request(struct ls_worker *w)
{
    w->self.slot->method[0] = w->self.slot->target[0] = '\0';
    w->self.slot->head_len = 0;
    w->self.slot->route = 0;
    atomic_store_explicit(&w->self.slot->began, 0, memory_order_relaxed);
}

static void describe_request(struct ls_worker *w, const struct ls_engine *e)
{
    if (w->described == e->seq || !e->in.at)
        return;
    w->described = e->seq;
    w->self.slot->route = e->match.route ? e->match.route->series : 0;
    atomic_store_explicit(&w->self.slot->began, e->begun_at, memory_order_relaxed);
    ls_slot_describe(w->self.slot, ls_span_slice(e->in.at, e->head.method_token),
                     ls_span_slice(e->in.at, e->head.target),
                     (struct ls_slice) { e->in.at, e->in.head });
}

/* Whole answers alone are promised: not a stream, not a 100 Continue. */
static void promise(struct ls_worker *w, const struct ls_engine *e)
{
    bool whole = !ls_answer_begun(e) && (e->state == LS_ENGINE_ANSWERED ||
                                         e->state == LS_ENGINE_CLOSE || e->state == LS_ENGINE_READ);
    uint64_t out = whole ? w->sent + ls_output_left(&e->out) : 0;
    uint64_t in = w->received - ls_input_rest(&e->in).len;
    if (ls_answer_begun(e))
        atomic_store_explicit(&w->self.slot->begun, e->seq, memory_order_relaxed);
    atomic_store_explicit(&w->self.slot->promised_in, in, memory_order_relaxed);
    atomic_store_explicit(&w->self.slot->promised_out, out, memory_order_relaxed);
}

static bool enter(struct ls_driver *d, struct ls_engine *e, enum ls_phase phase, uint64_t deadline)
{
    struct ls_worker *w = (struct ls_worker *)d;
    uint64_t word = ls_slot_word(e->seq, phase);
    if (phase == LS_PHASE_HANDLER || phase == LS_PHASE_SEND) {
        describe_request(w, e);
        atomic_store_explicit(&w->self.slot->cpu, e->limits.cpu, memory_order_relaxed);
        atomic_store_explicit(&w->self.slot->send_timeout, e->limits.send_timeout,
                              memory_order_relaxed);
    }
    if (phase == LS_PHASE_SEND || phase == LS_PHASE_LIVE)
        promise(w, e);
    if (phase == LS_PHASE_IDLE || phase == LS_PHASE_HEAD)
        forget_request(w);
    if (phase == LS_PHASE_IDLE)
        atomic_store_explicit(&w->self.slot->settled_in, w->received, memory_order_relaxed);
    atomic_store_explicit(&w->self.slot->since, e->since, memory_order_relaxed);
    atomic_store_explicit(&w->self.slot->deadline, deadline, memory_order_release);
    if (word != w->self.word && !ls_slot_move(w->self.slot, w->self.word, word))
        return false;
    w->self.word = word;
    return true;
}

/* ---- meeting needs ---- */

static int pause_until(struct ls_worker *w, uint64_t until)
{
    int err = ls_pause(w->self.lua, w->engine.streaming ? w->fd : -1, 0, until);
    return err > 0 ? -EPIPE : err; /* nobody is left to write to */
}

static void say_all(struct ls_worker *w)
{
    if (!w->said_all)
        ls_sys_shutdown(w->fd, SHUT_WR);
    w->said_all = true;
}

static int meet_input(struct ls_worker *w, const struct ls_need *need)
{
    if (need->phase == LS_PHASE_LINGER)
        say_all(w);
    long got = ls_transfer_in(w->fd, &w->engine);
    if (got > 0)
        w->received += (uint64_t)got;
    return got < 0 ? (int)got : 0;
}

static int meet_output(struct ls_worker *w)
{
    struct ls_engine *e = &w->engine;
    long sent = ls_transfer_out(w->fd, e);
    if (sent < 0)
        return (int)sent;
    w->sent += (uint64_t)sent;
    if (!ls_output_pending(&e->out) && !ls_answer_begun(e))
        atomic_store_explicit(&w->self.slot->settled_out, w->sent, memory_order_release);
    return 0;
}

static int meet(struct ls_worker *w, const struct ls_need *need)
{
    switch (need->kind) {
    case LS_NEED_INPUT:
        return meet_input(w, need);
    case LS_NEED_OUTPUT:
        return meet_output(w);
    case LS_NEED_TIME:
        return pause_until(w, need->until);
    case LS_NEED_EVENTS:
        return ls_pause_events(&w->engine, w->self.lua, &w->self.bell);
    case LS_NEED_END:
    default:
        return 0;
    }
}

/* Output that a handler waits for is written whole: nobody else uses the time. */
static int block(struct ls_driver *d, struct ls_engine *e, const struct ls_need *need)
{
    struct ls_worker *w = (struct ls_worker *)d;
    uint64_t window = ls_site_send_window(e->site, e->limits.send_timeout);
    int err = meet(w, need);
    while ((err == 0 || err == -EINTR) && need->kind == LS_NEED_OUTPUT &&
           ls_output_pending(&e->out)) {
        if (!enter(d, e, LS_PHASE_SEND, ls_clock_us() + window))
            return -EPIPE;
        err = meet(w, need);
    }
    return err;
}

static int socket_of(struct ls_driver *d, struct ls_engine *e)
{
    (void)e;
    return ((struct ls_worker *)d)->fd;
}

static void ring(struct ls_driver *d, struct ls_engine *e)
{
    (void)d, (void)e; /* whoever could wait here is the one who runs */
}

static int split(struct ls_driver *d, struct ls_engine *e, struct ls_second *second)
{
    struct ls_worker *w = (struct ls_worker *)d;
    int is = ls_side_split(w->server, e, &w->self, second);
    if (is == 0)
        ls_bell_close(&w->self.bell);
    return is;
}

static void join(struct ls_driver *d, const struct ls_second *second, enum ls_second_end end)
{
    const struct ls_worker *w = (struct ls_worker *)d;
    ls_side_join(w->server, &w->self, second, end);
}

/* ---- life ---- */

static void quit(void *ctx, int status)
{
    struct ls_worker *w = ctx;
    snprintf(w->self.slot->cause, sizeof w->self.slot->cause, "os.exit(%d)", status);
    ls_process_exit(status);
}

static void become_worker(struct luaserve *s, struct ls_worker *w, struct ls_slot *slot)
{
    slot->pid = *s->fork.tid; /* the supervisor may come to that later */
    atomic_store(&slot->detached, 1);
    ls_sys_futex((uint32_t *)&slot->detached, FUTEX_WAKE, 1, NULL, NULL, 0);
    ls_confine(s, (uint64_t)w->fd + s->now->config.limits.descriptors);
    ls_self_join(&w->self, s, slot, quit, w);
    ls_crash_watch(w->crash_stack);
    ls_confine_finish(s->now, slot);
}

static void serve(struct ls_worker *w)
{
    for (;;) {
        struct ls_need need = ls_engine_step(&w->engine);
        if (need.kind == LS_NEED_END)
            return;
        int err = meet(w, &need);
        if (err == -EIO)
            ls_engine_tear(&w->engine);
        else if (err < 0 && err != -EINTR)
            ls_engine_gone(&w->engine);
    }
}

_Noreturn void ls_worker_main(struct luaserve *s, const struct ls_errand *errand)
{
    struct ls_worker *w = &s->now->worker;
    w->server = s;
    w->fd = ls_fds_detach(&s->fds, errand->entry);
    if (w->fd < 0)
        ls_sys_exit_group(LUASERVE_OS);
    become_worker(s, w, errand->slot);
    if (errand->service == 0)
        w->engine.account = ls_self_account(s, (uint64_t)(errand->slot - s->shared->slots));
    w->engine.books = &w->self.books;
    ls_engine_open(&w->engine, errand->client, 0, &errand->peer);
    if (errand->service > 0) {
        const struct ls_service_at *service = &s->now->services.all[errand->service - 1];
        ls_live_open(&w->engine, service->handler, &service->own);
    }
    serve(w);
    if (!w->engine.gone)
        say_all(w);
    ls_process_exit(0);
}

int ls_worker_prepare(struct ls_worker *w, const struct ls_site *site, struct ls_lua *lua)
{
    *w =
        (struct ls_worker) { .fd = -1,
                             .self = { .lua = lua, .bell.fd = -1, .supervisor = ls_sys_getpid() } };
    w->driver = (struct ls_driver) { .enter = enter,
                                     .block = block,
                                     .socket = socket_of,
                                     .ring = ring,
                                     .split = split,
                                     .join = join };
    w->crash_stack = ls_crash_stack_new();
    if (!w->crash_stack)
        return -ENOMEM;
    ls_crash_note_in(w->crash_stack, &w->self.crash);
    return ls_engine_init(&w->engine, site, &w->driver);
}

void ls_worker_free(struct ls_worker *w)
{
    ls_crash_stack_free(&w->crash_stack);
    if (w->self.lua)
        ls_lua_end_connection(w->self.lua, &w->engine);
    ls_engine_free(&w->engine);
}
