#include "server/poolclient.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "exchange/live.h"
#include "lua/handler.h"
#include "os/sys.h"
#include "server/pause.h"
#include "server/poolevents.h"
#include "server/poolhouse.h"
#include "server/poolview.h"
#include "server/server.h"
#include "server/transfer.h"

enum { TURN = 8 }; /* reads and writes for one client, before it is another one's turn */

static struct ls_seat *seat_of(struct ls_engine *e)
{
    return (struct ls_seat *)e;
}

/* ---- deadlines ---- */

void ls_poolclient_set_due(struct ls_poolworker *w, const struct ls_seat *seat)
{
    uint64_t until = seat->need.kind == LS_NEED_TIME     ? seat->need.until
                     : seat->need.kind == LS_NEED_EVENTS ? seat->need.events->until
                                                         : 0;
    ls_members_set_due(&w->members, seat->member, ls_clock_sooner(seat->deadline, until));
}

static bool enter(struct ls_driver *d, struct ls_engine *e, enum ls_phase phase, uint64_t deadline)
{
    struct ls_poolworker *w = (struct ls_poolworker *)d;
    struct ls_seat *seat = seat_of(e);
    struct ls_card *card = w->members.all[seat->member].card;
    seat->deadline = deadline;
    if (card)
        ls_poolview_show(e, card);
    if (phase == LS_PHASE_HANDLER && deadline > 0)
        ls_poolview_publish(w, seat, deadline);
    else
        ls_poolview_unpublish(w);
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

static int meet_events(struct ls_poolworker *w, struct ls_seat *seat)
{
    uint64_t until = seat->need.events->until;
    if (!ls_poolevents_ready(w, seat) && (until == 0 || ls_clock_us() < until))
        return -EAGAIN;
    ls_poolevents_end(w, seat);
    return 0;
}

/* 0: met, at least in part; -EAGAIN: not now; or what befell the connection. */
static int meet(struct ls_poolworker *w, struct ls_member *m, struct ls_seat *seat)
{
    switch (seat->need.kind) {
    case LS_NEED_INPUT:
        return meet_input(m, seat);
    case LS_NEED_OUTPUT:
        return meet_output(m, seat);
    case LS_NEED_TIME:
        return ls_clock_us() < seat->need.until ? -EAGAIN : 0;
    case LS_NEED_EVENTS:
        return meet_events(w, seat);
    case LS_NEED_END:
    default:
        return 0;
    }
}

static int met_by_waiting(struct ls_poolworker *w, struct ls_member *m, struct ls_seat *seat)
{
    enum ls_need_kind kind = seat->need.kind;
    if (kind == LS_NEED_TIME)
        return ls_pause(w->self.lua, seat->engine.streaming ? m->fd : -1, 0, seat->need.until) > 0
                   ? -EPIPE
                   : 0;
    short events = kind == LS_NEED_INPUT ? POLLIN : POLLOUT;
    uint64_t until = seat->deadline ? seat->deadline : UINT64_MAX;
    int ready = ls_pause(w->self.lua, m->fd, events, until);
    if (ready == 0)
        return -ETIMEDOUT;
    m->readable |= kind == LS_NEED_INPUT;
    m->writable |= kind == LS_NEED_OUTPUT;
    return ready < 0 ? ready : -EAGAIN;
}

/* Others may be meant too. */
static int block_events(struct ls_poolworker *w, const struct ls_engine *e)
{
    int err = ls_pause_events(e, w->self.lua, &w->self.bell);
    ls_lua_listen(w->self.lua);
    return err;
}

/* For calls that cannot be left, since they stand in a coroutine of the user's own: the worker waits for
 * this client alone. Output is written whole. */
static int block(struct ls_driver *d, struct ls_engine *e, const struct ls_need *need)
{
    struct ls_poolworker *w = (struct ls_poolworker *)d;
    struct ls_seat *seat = seat_of(e);
    struct ls_member *m = ls_poolclient_member(w, seat);
    int err = 0;
    seat->need = *need;
    if (need->kind == LS_NEED_EVENTS)
        return block_events(w, e);
    for (bool met = false; !met && err == 0;) {
        err = meet(w, m, seat);
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

/* There are no more seats than there may be clients. */
static void open_account(struct ls_poolworker *w, struct ls_engine *e)
{
    _Atomic uint32_t *seats = &w->shared->crowds[w->place].seats;
    uint32_t mine = atomic_load(seats);
    if (mine == w->shared->max)
        return;
    e->books = &w->self.books;
    e->account = ls_self_account(w->server, (uint64_t)w->place * w->shared->max + mine);
    atomic_store(seats, mine + 1);
}

static struct ls_seat *new_seat(struct ls_poolworker *w)
{
    struct ls_seat *seat = calloc(1, sizeof *seat);
    if (seat && ls_engine_init(&seat->engine, w->site, &w->driver) == 0) {
        open_account(w, &seat->engine);
        return seat;
    }
    if (seat)
        ls_engine_free(&seat->engine);
    free(seat);
    return NULL;
}

/* What it needs first is to be stepped on. */
static void open_raw(struct ls_poolworker *w, struct ls_seat *seat, uint32_t service)
{
    const struct ls_service_at *s = &w->site->services->all[service - 1];
    ls_live_open(&seat->engine, s->handler, &s->own);
    seat->need = (struct ls_need) { .kind = LS_NEED_TIME, .phase = LS_PHASE_HANDLER };
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
    seat->rung = false;
    seat->watching = 0;
    m->seat = seat;
    if (m->service > 0)
        open_raw(w, seat, m->service);
    return seat;
}

static void leave_seat(struct ls_poolworker *w, struct ls_member *m)
{
    struct ls_seat *seat = m->seat;
    ls_poolevents_end(w, seat);
    if (seat->engine.account)
        ls_account_close(seat->engine.account, &w->self.books, seat->engine.out.gone);
    m->seat = NULL;
    m->seq = seat->engine.seq;
    ls_engine_slim(&seat->engine);
    seat->next = w->free;
    w->free = seat;
}

void ls_poolclient_close(struct ls_poolworker *w, uint32_t index)
{
    struct ls_member *m = &w->members.all[index];
    if (m->seat && m->seat->engine.torn)
        ls_net_cut(m->fd);
    if (m->seat)
        leave_seat(w, m);
    if (m->split) /* another process may still hold it */
        ls_sys_epoll_ctl(w->server->epoll, EPOLL_CTL_DEL, m->fd, NULL);
    ls_sys_close(m->fd); /* and with that it is out of the epoll set */
    ls_poolhouse_left(w, index);
}

static int watch(struct luaserve *s, struct ls_member *m, uint32_t index)
{
    bool out =
        m->watched_out ||
        (m->seat && (m->seat->need.kind == LS_NEED_OUTPUT || ls_poolevents_writes(m->seat, m->fd)));
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
    ls_poolclient_set_due(w, seat);
    ls_poolevents_watch(w, seat);
    if (resting)
        leave_seat(w, m);
    ls_poolhouse_set_idle(w, index, resting || seat->engine.phase == LS_PHASE_LINGER);
    if ((resting && w->retired) || watch(w->server, m, index) < 0)
        ls_poolclient_close(w, index);
}

/* The next need. False: the client has left. */
static bool step(struct ls_poolworker *w, uint32_t index)
{
    struct ls_seat *seat = w->members.all[index].seat;
    ls_engine_record(&seat->engine);
    seat->need = ls_engine_step(&seat->engine);
    ls_poolview_unpublish(w);
    if (seat->need.kind == LS_NEED_EVENTS)
        ls_poolevents_begin(w, seat);
    if (seat->need.kind != LS_NEED_END)
        return true;
    ls_poolclient_close(w, index);
    return false;
}

void ls_poolclient_serve(struct ls_poolworker *w, uint32_t index)
{
    struct ls_member *m = &w->members.all[index];
    ls_poolhouse_set_idle(w, index, false);
    if (!m->seat && !take_seat(w, index)) {
        ls_poolclient_close(w, index);
        return;
    }
    ls_engine_record(&m->seat->engine);
    for (int i = 0; i < TURN; i++) {
        int err = meet(w, m, m->seat);
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
    ls_poolclient_set_due(w, m->seat);
    ls_members_enqueue(&w->members, index);
}

/* What has come meanwhile is looked at first. */
bool ls_poolclient_close_idle(struct ls_poolworker *w, uint32_t index)
{
    struct ls_member *m = &w->members.all[index];
    uint64_t seq = m->seq;
    if (!m->seat) {
        m->readable = true;
        m->drained = false;
    }
    ls_poolclient_serve(w, index);
    if (m->fd < 0)
        return true;
    if (!m->idle || m->seq != seq)
        return false;
    ls_poolclient_close(w, index);
    return true;
}

void ls_poolclient_take_turn(void *ctx, uint32_t index)
{
    ls_poolclient_serve(ctx, index);
}

/* One that gets an endless response has left when it says its last; others may still be reading. */
static bool has_left(const struct ls_member *m)
{
    const struct ls_engine *e = &m->seat->engine;
    return e->streaming && (m->broken || (m->hung_up && e->live == LS_LIVE_EVENTS));
}

void ls_poolclient_note(struct ls_poolworker *w, uint32_t index, uint32_t events)
{
    struct ls_member *m = &w->members.all[index];
    bool broken = events & (EPOLLERR | EPOLLHUP);
    if (index >= w->members.cap || m->fd < 0)
        return;
    m->broken |= broken;
    m->hung_up |= broken || (events & EPOLLRDHUP);
    if (broken || (events & (EPOLLIN | EPOLLRDHUP))) {
        m->readable = true;
        m->drained = false;
    }
    m->writable |= broken || (events & EPOLLOUT);
    if (m->seat && m->seat->need.kind == LS_NEED_TIME && has_left(m)) {
        ls_engine_gone(&m->seat->engine); /* nobody is left to write to */
        if (!step(w, index))
            return;
    }
    ls_poolclient_serve(w, index);
}

void ls_poolclient_go_on(struct ls_poolworker *w, uint32_t index)
{
    if (step(w, index))
        ls_poolclient_serve(w, index);
}

static int socket_of(struct ls_driver *d, struct ls_engine *e)
{
    return ls_poolclient_member((struct ls_poolworker *)d, seat_of(e))->fd;
}

static void ring(struct ls_driver *d, struct ls_engine *e)
{
    struct ls_poolworker *w = (struct ls_poolworker *)d;
    seat_of(e)->rung = true;
    ls_members_enqueue(&w->members, seat_of(e)->member);
}

/* All that is other clients' is closed in the second process. */
static int split(struct ls_driver *d, struct ls_engine *e, struct ls_second *second)
{
    struct ls_poolworker *w = (struct ls_poolworker *)d;
    int client = socket_of(d, e), is = ls_side_split(w->server, e, &w->self, second);
    if (is > 0)
        ls_poolclient_member(w, seat_of(e))->split = true;
    if (is != 0)
        return is;
    second->keep[second->kept++] = client;
    second->keep[second->kept++] = second->news;
    if (ls_fds_leave_but(&w->server->fds, second->keep, second->kept) < 0)
        ls_sys_exit_group(LUASERVE_OS); /* nobody's connection is to be in another one's hands */
    w->self.bell.fd = -1;
    return 0;
}

static void join(struct ls_driver *d, const struct ls_second *second, enum ls_second_end end)
{
    const struct ls_poolworker *w = (struct ls_poolworker *)d;
    ls_side_join(w->server, &w->self, second, end);
}

struct ls_driver ls_poolclient_driver(void)
{
    return (struct ls_driver) { .enter = enter,
                                .block = block,
                                .socket = socket_of,
                                .ring = ring,
                                .split = split,
                                .join = join,
                                .yields = true };
}
