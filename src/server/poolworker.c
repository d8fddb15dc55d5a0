#include "server/poolworker.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "exchange/answer.h"
#include "lua/handler.h"
#include "lua/interrupt.h"
#include "os/sys.h"
#include "server/confine.h"
#include "server/notice.h"
#include "server/pause.h"
#include "server/poolhouse.h"
#include "server/server.h"
#include "server/transfer.h"
#include "server/worker.h"

enum {
    EVENTS = 128,  /* taken at one go */
    TURN = 8,      /* reads and writes for one client, before it is another one's turn */
    KEPT = 4 << 20 /* bytes of free memory that need not go back to the system at once */
};

static struct ls_seat *seat_of(struct ls_engine *e)
{
    return (struct ls_seat *)e;
}

static struct ls_member *member_of(struct ls_poolworker *w, const struct ls_seat *seat)
{
    return &w->members.all[seat->member];
}

/* ---- the slot: what the supervisor sees is the handler that runs ---- */

static void publish(struct ls_poolworker *w, struct ls_seat *seat, uint64_t deadline)
{
    struct ls_engine *e = &seat->engine;
    struct ls_slot *slot = w->slot;
    w->running = seat;
    slot->client = e->client;
    slot->request = e->seq;
    ls_slot_describe(slot, ls_span_slice(e->in.at, e->head.method_token),
                     ls_span_slice(e->in.at, e->head.target),
                     (struct ls_slice) { e->in.at, e->in.head });
    atomic_store_explicit(&slot->cpu, e->limits.cpu, memory_order_relaxed);
    atomic_store_explicit(&slot->deadline, deadline, memory_order_release);
    w->word = ls_slot_word(++w->runs, LS_PHASE_HANDLER);
    atomic_store_explicit(&slot->word, w->word, memory_order_release);
}

static void unpublish(struct ls_poolworker *w)
{
    if (!w->running)
        return;
    w->running = NULL;
    w->word = ls_slot_word(w->runs, LS_PHASE_IDLE);
    atomic_store_explicit(&w->slot->word, w->word, memory_order_release);
}

/* ---- deadlines ---- */

static void set_due(struct ls_poolworker *w, const struct ls_seat *seat)
{
    uint64_t until = seat->need.kind == LS_NEED_TIME ? seat->need.until : 0;
    ls_members_set_due(&w->members, seat->member, ls_clock_sooner(seat->deadline, until));
}

static bool enter(struct ls_driver *d, struct ls_engine *e, enum ls_phase phase, uint64_t deadline)
{
    struct ls_poolworker *w = (struct ls_poolworker *)d;
    struct ls_seat *seat = seat_of(e);
    seat->deadline = deadline;
    if (phase == LS_PHASE_HANDLER && deadline > 0)
        publish(w, seat, deadline);
    else
        unpublish(w);
    return true;
}

/* ---- meeting needs ---- */

static int meet_input(struct ls_member *m, struct ls_seat *seat)
{
    if (seat->need.phase == LS_PHASE_LINGER && !m->said_all) {
        m->said_all = true;
        ls_sys_shutdown(m->fd, SHUT_WR);
    }
    if (!m->readable || (m->drained && ls_engine_resting(&seat->engine)))
        return -EAGAIN;
    size_t room = ls_engine_room(&seat->engine).len;
    long got = ls_transfer_in(m->fd, &seat->engine);
    if (got == -EAGAIN)
        m->readable = false;
    m->drained = got > 0 && (size_t)got < room && !m->hung_up;
    return got < 0 ? (int)got : 0;
}

static int meet_output(struct ls_member *m, struct ls_seat *seat)
{
    if (!m->writable)
        return -EAGAIN;
    long sent = ls_transfer_out(m->fd, &seat->engine);
    if (sent == -EAGAIN)
        m->writable = false;
    return sent < 0 ? (int)sent : 0;
}

/* 0: met, at least in part; -EAGAIN: not now; or what befell the connection. */
static int meet(struct ls_member *m, struct ls_seat *seat)
{
    switch (seat->need.kind) {
    case LS_NEED_INPUT:
        return meet_input(m, seat);
    case LS_NEED_OUTPUT:
        return meet_output(m, seat);
    case LS_NEED_TIME:
        return ls_clock_us() < seat->need.until ? -EAGAIN : 0;
    case LS_NEED_END:
    default:
        return 0;
    }
}

static int met_by_waiting(struct ls_poolworker *w, struct ls_member *m, struct ls_seat *seat)
{
    enum ls_need_kind kind = seat->need.kind;
    if (kind == LS_NEED_TIME)
        return ls_pause(w->lua, seat->engine.streaming ? m->fd : -1, 0, seat->need.until) > 0
                   ? -EPIPE
                   : 0;
    short events = kind == LS_NEED_INPUT ? POLLIN : POLLOUT;
    uint64_t until = seat->deadline ? seat->deadline : UINT64_MAX;
    int ready = ls_pause(w->lua, m->fd, events, until);
    if (ready == 0)
        return -ETIMEDOUT;
    m->readable |= kind == LS_NEED_INPUT;
    m->writable |= kind == LS_NEED_OUTPUT;
    return ready < 0 ? ready : -EAGAIN;
}

/* For calls that cannot be left, since they stand in a coroutine of the user's own: the worker waits for
 * this client alone. Output is written whole. */
static int block(struct ls_driver *d, struct ls_engine *e, const struct ls_need *need)
{
    struct ls_poolworker *w = (struct ls_poolworker *)d;
    struct ls_seat *seat = seat_of(e);
    struct ls_member *m = member_of(w, seat);
    int err = 0;
    seat->need = *need;
    for (bool met = false; !met && err == 0;) {
        err = meet(m, seat);
        if (err == -EAGAIN)
            err = met_by_waiting(w, m, seat);
        else
            met = need->kind != LS_NEED_OUTPUT || !ls_output_pending(&e->out);
        if (err == -EAGAIN)
            err = 0;
        else if (need->kind == LS_NEED_TIME)
            met = true;
    }
    return err;
}

/* ---- a client's turn ---- */

static struct ls_seat *new_seat(struct ls_poolworker *w)
{
    struct ls_seat *seat = calloc(1, sizeof *seat);
    if (seat && ls_engine_init(&seat->engine, w->site, &w->driver) == 0)
        return seat;
    if (seat)
        ls_engine_free(&seat->engine);
    free(seat);
    return NULL;
}

static struct ls_seat *take_seat(struct ls_poolworker *w, uint32_t index)
{
    struct ls_member *m = &w->members.all[index];
    struct ls_seat *seat = w->free;
    if (seat)
        w->free = seat->next;
    else
        seat = new_seat(w);
    if (!seat)
        return NULL;
    ls_engine_open(&seat->engine, m->number, m->seq, &m->peer);
    seat->need = (struct ls_need) { .kind = LS_NEED_INPUT, .phase = LS_PHASE_IDLE };
    seat->member = index;
    seat->deadline = 0;
    seat->sending = (struct ls_sending) { 0 };
    m->seat = seat;
    return seat;
}

static void leave_seat(struct ls_poolworker *w, struct ls_member *m)
{
    struct ls_seat *seat = m->seat;
    m->seat = NULL;
    m->seq = seat->engine.seq;
    ls_engine_slim(&seat->engine);
    seat->next = w->free;
    w->free = seat;
}

static void close_member(struct ls_poolworker *w, uint32_t index)
{
    struct ls_member *m = &w->members.all[index];
    if (m->seat && m->seat->engine.torn)
        ls_net_cut(m->fd);
    if (m->seat)
        leave_seat(w, m);
    ls_sys_close(m->fd); /* and with that it is out of the epoll set */
    ls_poolhouse_left(w, index);
}

static int watch(struct luaserve *s, struct ls_member *m, uint32_t index)
{
    bool out = m->watched_out || (m->seat && m->seat->need.kind == LS_NEED_OUTPUT);
    struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET | (out ? EPOLLOUT : 0),
                             .data.u64 = (uint64_t)index << 32 | LS_ABOUT_CLIENT };
    if (m->watched && out == m->watched_out)
        return 0;
    int err = ls_sys_epoll_ctl(s->epoll, m->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, m->fd, &e);
    m->watched |= err == 0;
    m->watched_out = out;
    return err;
}

/* Nothing more can be done for it now. */
static void wait_for(struct ls_poolworker *w, uint32_t index)
{
    struct ls_member *m = &w->members.all[index];
    struct ls_seat *seat = m->seat;
    if (seat->engine.phase == LS_PHASE_START) /* it has not been stepped on yet */
        seat->deadline = ls_clock_us() + w->site->idle_timeout;
    bool resting = ls_engine_resting(&seat->engine);
    set_due(w, seat);
    if (resting)
        leave_seat(w, m);
    ls_poolhouse_set_idle(w, index, resting || seat->engine.phase == LS_PHASE_LINGER);
    if ((resting && w->retired) || watch(w->server, m, index) < 0)
        close_member(w, index);
}

/* The next need. False: the client has left. */
static bool step(struct ls_poolworker *w, uint32_t index)
{
    struct ls_seat *seat = w->members.all[index].seat;
    seat->need = ls_engine_step(&seat->engine);
    unpublish(w);
    if (seat->need.kind != LS_NEED_END)
        return true;
    close_member(w, index);
    return false;
}

static void serve(struct ls_poolworker *w, uint32_t index)
{
    struct ls_member *m = &w->members.all[index];
    ls_poolhouse_set_idle(w, index, false);
    if (!m->seat && !take_seat(w, index)) {
        close_member(w, index);
        return;
    }
    for (int i = 0; i < TURN; i++) {
        int err = meet(m, m->seat);
        if (err == -EAGAIN) {
            wait_for(w, index);
            return;
        }
        if (err == -EIO)
            ls_engine_tear(&m->seat->engine);
        else if (err < 0 && err != -EINTR)
            ls_engine_gone(&m->seat->engine);
        if (!step(w, index))
            return;
    }
    set_due(w, m->seat);
    ls_members_enqueue(&w->members, index);
}

/* What has come meanwhile is looked at first. */
bool ls_poolworker_close_idle(struct ls_poolworker *w, uint32_t index)
{
    struct ls_member *m = &w->members.all[index];
    uint64_t seq = m->seq;
    if (!m->seat) {
        m->readable = true;
        m->drained = false;
    }
    serve(w, index);
    if (m->fd < 0)
        return true;
    if (!m->idle || m->seq != seq)
        return false;
    close_member(w, index);
    return true;
}

static void take_turn(void *ctx, uint32_t index)
{
    serve(ctx, index);
}

static void note(struct ls_poolworker *w, uint32_t index, uint32_t events)
{
    struct ls_member *m = &w->members.all[index];
    bool broken = events & (EPOLLERR | EPOLLHUP);
    if (index >= w->members.cap || m->fd < 0)
        return;
    m->hung_up |= broken || (events & EPOLLRDHUP);
    if (broken || (events & (EPOLLIN | EPOLLRDHUP))) {
        m->readable = true;
        m->drained = false;
    }
    m->writable |= broken || (events & EPOLLOUT);
    if (broken && m->seat && m->seat->need.kind == LS_NEED_TIME && m->seat->engine.streaming) {
        ls_engine_gone(&m->seat->engine); /* nobody is left to write to */
        if (!step(w, index))
            return;
    }
    serve(w, index);
}

/* ---- time that is up ---- */

static void tell(struct ls_poolworker *w, const struct ls_seat *seat, const char *what)
{
    const struct ls_engine *e = &seat->engine;
    struct ls_slice method = { NULL, 0 }, target = method;
    if (e->parsed) {
        method = ls_span_slice(e->in.at, e->head.method_token);
        target = ls_span_slice(e->in.at, e->head.target);
    }
    ls_log(w->site->log, LS_LOG_WARN, "%s %s:%u %.*s %.*s: %s (worker %d)", e->id, e->peer.ip,
           e->peer.port, (int)method.len, method.at, (int)target.len, target.at, what,
           ls_sys_getpid());
}

static bool still_reads(struct ls_poolworker *w, struct ls_seat *seat, uint64_t now)
{
    int64_t acknowledged = ls_net_acknowledged(member_of(w, seat)->fd);
    uint64_t next = ls_sending_look(
        &seat->sending, w->site, seat->engine.limits.send_timeout, acknowledged >= 0,
        acknowledged < 0 ? 0 : (uint64_t)acknowledged, seat->deadline, now);
    if (next == 0)
        return false;
    seat->deadline = next;
    set_due(w, seat);
    return true;
}

static void expire(struct ls_poolworker *w, struct ls_seat *seat, uint64_t now)
{
    struct ls_engine *e = &seat->engine;
    switch (e->phase) {
    case LS_PHASE_SEND:
        if (still_reads(w, seat, now))
            return;
        tell(w, seat, "client does not read: connection cut");
        ls_engine_tear(e);
        break;
    case LS_PHASE_HANDLER:
        ls_lua_time_out(w->lua);
        break;
    case LS_PHASE_HEAD:
    case LS_PHASE_BODY:
        tell(w, seat, "request did not arrive in time");
        ls_engine_abandon(e, 408);
        break;
    default:
        ls_engine_abandon(e, 408);
    }
    if (step(w, seat->member))
        serve(w, seat->member);
}

static void late(void *ctx, uint32_t index)
{
    struct ls_poolworker *w = ctx;
    struct ls_seat *seat = w->members.all[index].seat;
    uint64_t now = ls_clock_us();
    if (!seat)
        ls_poolworker_close_idle(w, index);
    else if (seat->deadline > 0 && now >= seat->deadline)
        expire(w, seat, now);
    else
        serve(w, index);
}

/* ---- signals ---- */

static void on_interrupt(int signal, siginfo_t *info, void *context)
{
    struct ls_poolworker *w = info->si_value.sival_ptr;
    (void)signal, (void)context;
    if (info->si_code != SI_QUEUE || info->si_pid != w->supervisor)
        return;
    if (w->word == ls_slot_word(atomic_load(&w->slot->interrupt), LS_PHASE_HANDLER))
        ls_interrupt_raise(w->lua, (enum ls_interrupt)atomic_load(&w->slot->interrupt_why));
}

#define NO_ID "................"

/* Async-signal-safe: the memory was prepared, and may be written to now that all is lost. */
static void send_last_words(struct ls_buffer *words, const struct ls_engine *e, int fd)
{
    const struct ls_slice all = { words->at, words->len };
    size_t len = all.len;
    for (size_t at = 0; at + sizeof NO_ID - 1 <= all.len; at++)
        if (memcmp(all.at + at, NO_ID, sizeof NO_ID - 1) == 0)
            memcpy(words->at + at, e->id, sizeof NO_ID - 1);
    for (size_t at = 0; e->head.method == LS_HEAD && at + 4 <= all.len && len == all.len; at++)
        if (memcmp(all.at + at, "\r\n\r\n", 4) == 0)
            len = at + 4;
    ls_sys_sendto(fd, all.at, len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    ls_sys_shutdown(fd, SHUT_WR);
}

/* The client whose handler ran into the fault is answered, if nothing of its answer is out; answers that
 * have begun end with a reset. */
static void say_last_words(void *ctx, int signal)
{
    struct ls_poolworker *w = ctx;
    struct ls_seat *running = w->running;
    char block[4096];
    for (uint32_t i = 0; i < w->members.cap; i++) {
        const struct ls_member *m = &w->members.all[i];
        if (m->fd >= 0 && m->seat && ls_answer_begun(&m->seat->engine))
            ls_net_cut(m->fd);
    }
    if (!running || running->engine.gone || running->engine.flushed)
        return;
    int fd = member_of(w, running)->fd;
    send_last_words(&w->last_words[signal == SIGXCPU], &running->engine, fd);
    for (int i = 0; i < 16; i++) /* what has come and was not read would make the end a reset */
        if (ls_sys_recvfrom(fd, block, sizeof block, MSG_DONTWAIT, NULL, NULL) <= 0)
            return;
}

/* ---- life ---- */

static void retire(struct ls_poolworker *w)
{
    struct luaserve *s = w->server;
    w->retired = true;
    s->listening = false;
    ls_door_close(s);
    for (size_t i = 0; i < s->listeners.count; i++)
        ls_sys_close(s->listeners.all[i].fd);
    s->listeners.count = 0;
    for (uint32_t i = 0; i < w->members.cap; i++)
        if (w->members.all[i].fd >= 0 && !w->members.all[i].seat)
            ls_poolworker_close_idle(w, i);
}

static void abandon_all(struct ls_poolworker *w)
{
    for (uint32_t i = 0; i < w->members.cap; i++) {
        struct ls_member *m = &w->members.all[i];
        if (m->fd < 0)
            continue;
        if (m->seat) {
            tell(w, m->seat,
                 atomic_load(&w->shared->at_once) ? "told to stop at once: killed"
                                                  : "not done within limits.drain_timeout: killed");
            ls_engine_abandon(&m->seat->engine, 503);
            if (step(w, i))
                serve(w, i);
        }
        if (m->fd >= 0)
            close_member(w, i);
    }
}

static bool is_over(struct ls_poolworker *w, uint64_t now)
{
    if (!w->retired && ls_site_retired(w->site))
        retire(w);
    uint64_t until = atomic_load_explicit(&w->shared->drain_until, memory_order_relaxed);
    if (until > 0 && now >= until)
        abandon_all(w);
    return w->retired && w->members.count == 0;
}

static int timeout_ms(const struct ls_poolworker *w, uint64_t now, uint64_t next)
{
    uint64_t until = atomic_load_explicit(&w->shared->drain_until, memory_order_relaxed);
    next = ls_clock_sooner(ls_clock_sooner(next, w->members.next), until);
    if (w->members.queued > 0)
        return 0;
    if (next == 0)
        return -1;
    return next <= now ? 0 : next - now > 60000000 ? 60000 : (int)((next - now + 999) / 1000);
}

static void handle(struct ls_poolworker *w, const struct epoll_event *e)
{
    uint32_t index = (uint32_t)(e->data.u64 >> 32);
    switch (e->data.u64 & UINT32_MAX) {
    case LS_ABOUT_LISTENER:
        ls_door_answer(w->server, index);
        break;
    case LS_ABOUT_CLIENT:
        note(w, index, e->events);
        break;
    default:
        ls_poolhouse_make_room(w); /* the bell; whether we are to go is looked at every time */
    }
}

static void loop(struct ls_poolworker *w)
{
    struct luaserve *s = w->server;
    struct epoll_event events[EVENTS];
    uint64_t door = 0, now = ls_clock_us();
    while (!is_over(w, now)) {
        int count = ls_sys_epoll_pwait(s->epoll, events, EVENTS, timeout_ms(w, now, door), NULL);
        for (int i = 0; i < count; i++)
            handle(w, &events[i]);
        ls_members_take_turns(&w->members, take_turn, w);
        now = ls_clock_us();
        ls_members_look(&w->members, now, late, w);
        door = w->retired ? 0 : ls_door_look(s, now);
    }
}

static int watch_bell(struct luaserve *s)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u64 = LS_ABOUT_SIGNAL };
    return ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->pool.bell, &e);
}

static int prepare(struct ls_poolworker *w)
{
    struct luaserve *s = w->server;
    w->crash_stack = ls_crash_stack_new();
    ls_notice_build(&w->last_words[0], 500, NO_ID, false);
    ls_notice_build(&w->last_words[1], 503, NO_ID, false);
    if (!w->crash_stack || w->last_words[0].failed || w->last_words[1].failed)
        return -ENOMEM;
    ls_lua_serve(w->lua, NULL, NULL);
    ls_sys_on_signal(LS_INTERRUPT_SIGNAL, on_interrupt, 0);
    ls_crash_last_words(w->crash_stack, say_last_words, w);
    w->crash = &w->slot->crash;
    ls_crash_note_in(w->crash_stack, &w->crash);
    ls_crash_watch(w->crash_stack);
    s->epoll = ls_sys_epoll_create1(EPOLL_CLOEXEC);
    int err = s->epoll < 0 ? s->epoll : watch_bell(s);
    return err < 0 ? err : ls_door_open(s, &ls_poolhouse);
}

_Noreturn void ls_poolworker_main(struct luaserve *s, uint32_t place)
{
    struct ls_poolworker *w = &s->pool.worker;
    const struct ls_config *c = &s->now->config;
    *w = (struct ls_poolworker) { .driver = { .enter = enter, .block = block, .yields = true },
                                  .server = s,
                                  .site = &s->now->site,
                                  .lua = s->now->lua,
                                  .shared = s->pool.shared,
                                  .place = place,
                                  .slot = &s->shared->slots[place],
                                  .supervisor = s->now->worker.supervisor };
    ls_confine(s->now, w->supervisor, s->pool.shared->max + 1024 + c->limits.descriptors);
    mallopt(M_TRIM_THRESHOLD, KEPT); /* or a large body costs its page faults each time */
    mallopt(M_MMAP_THRESHOLD, KEPT);
    int err = prepare(w);
    if (err < 0) {
        snprintf(w->slot->cause, sizeof w->slot->cause, "cannot begin: %s", strerror(-err));
        ls_process_exit(LUASERVE_OS);
    }
    ls_confine_finish(s->now, w->slot);
    loop(w);
    ls_process_exit(0);
}
