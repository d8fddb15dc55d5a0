#include "server/poolworker.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "exchange/answer.h"
#include "lua/handler.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/confine.h"
#include "server/notice.h"
#include "server/poolclient.h"
#include "server/poolevents.h"
#include "server/poolhouse.h"
#include "server/server.h"
#include "server/worker.h"

enum {
    EVENTS = 128,  /* taken at one go */
    KEPT = 4 << 20 /* bytes of free memory that need not go back to the system at once */
};

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
    int64_t acknowledged = ls_net_acknowledged(ls_poolclient_member(w, seat)->fd);
    uint64_t next = ls_sending_look(
        &seat->sending, w->site, seat->engine.limits.send_timeout, acknowledged >= 0,
        acknowledged < 0 ? 0 : (uint64_t)acknowledged, seat->deadline, now);
    if (next == 0)
        return false;
    seat->deadline = next;
    ls_poolclient_set_due(w, seat);
    return true;
}

static void expire(struct ls_poolworker *w, struct ls_seat *seat, uint64_t now)
{
    struct ls_engine *e = &seat->engine;
    struct ls_tallies *tallies = ls_tallies_of(w->server);
    switch (e->phase) {
    case LS_PHASE_SEND:
        if (still_reads(w, seat, now))
            return;
        tell(w, seat, "client does not read: connection cut");
        ls_tally(&tallies->budgets[LS_BUDGET_SEND], 1);
        ls_engine_tear(e);
        break;
    case LS_PHASE_HANDLER:
        ls_lua_time_out(w->self.lua);
        break;
    case LS_PHASE_HEAD:
    case LS_PHASE_BODY:
        tell(w, seat, "request did not arrive in time");
        ls_tally(&tallies->budgets[e->phase == LS_PHASE_HEAD ? LS_BUDGET_HEAD : LS_BUDGET_BODY], 1);
        ls_engine_abandon(e, 408);
        break;
    default:
        ls_engine_abandon(e, 408);
    }
    ls_poolclient_go_on(w, seat->member);
}

static void late(void *ctx, uint32_t index)
{
    struct ls_poolworker *w = ctx;
    struct ls_seat *seat = w->members.all[index].seat;
    uint64_t now = ls_clock_us();
    if (!seat)
        ls_poolclient_close_idle(w, index);
    else if (seat->deadline > 0 && now >= seat->deadline)
        expire(w, seat, now);
    else
        ls_poolclient_serve(w, index);
}

/* ---- last words ---- */

#define NO_ID "................"

/* Async-signal-safe: the memory was prepared, and may be written to now that all is lost. */
static void send_last_words(struct ls_poolworker *w, int status, const struct ls_engine *e, int fd)
{
    struct ls_buffer *words = &w->last_words[status == 503];
    const struct ls_slice all = { words->at, words->len };
    size_t head = ls_notice_head(words), len = e->head.method == LS_HEAD ? head : all.len;
    for (size_t at = 0; at + sizeof NO_ID - 1 <= all.len; at++)
        if (memcmp(all.at + at, NO_ID, sizeof NO_ID - 1) == 0)
            memcpy(words->at + at, e->id, sizeof NO_ID - 1);
    long sent = ls_sys_sendto(fd, all.at, len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    w->self.slot->told_bytes = (uint32_t)(len - head);
    if (sent == (long)len)
        atomic_store(&w->self.slot->told, (uint32_t)status);
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
    int fd = ls_poolclient_member(w, running)->fd;
    send_last_words(w, signal == SIGXCPU ? 503 : 500, &running->engine, fd);
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
            ls_poolclient_close_idle(w, i);
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
            ls_poolclient_go_on(w, i);
        }
        if (m->fd >= 0)
            ls_poolclient_close(w, i);
    }
}

static bool is_over(struct ls_poolworker *w, uint64_t now)
{
    if (!w->retired && ls_site_retired(w->site))
        retire(w);
    if (!w->stops && ls_site_stops(w->site)) {
        w->stops = true;
        ls_poolevents_stir(w);
    }
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
        ls_poolclient_note(w, index, e->events);
        break;
    case LS_ABOUT_SOCKET:
        ls_members_enqueue(&w->members, index);
        break;
    case LS_ABOUT_BELL:
        ls_bell_silence(&w->self.bell);
        ls_lua_listen(w->self.lua);
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
        ls_recorder_about(0);
        int count = ls_sys_epoll_pwait(s->epoll, events, EVENTS, timeout_ms(w, now, door), NULL);
        for (int i = 0; i < count; i++)
            handle(w, &events[i]);
        ls_members_take_turns(&w->members, ls_poolclient_take_turn, w);
        now = ls_clock_us();
        ls_members_look(&w->members, now, late, w);
        door = w->retired ? 0 : ls_door_look(s, now);
    }
}

/* That of all workers, and its own. */
static int watch_bells(struct ls_poolworker *w)
{
    struct luaserve *s = w->server;
    struct epoll_event all = { .events = EPOLLIN | EPOLLET, .data.u64 = LS_ABOUT_SIGNAL };
    struct epoll_event own = { .events = EPOLLIN, .data.u64 = LS_ABOUT_BELL };
    int err = ls_bell_open(&w->self.bell);
    if (err == 0)
        err = ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, w->self.bell.fd, &own);
    return err < 0 ? err : ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->pool.bell, &all);
}

static int prepare(struct ls_poolworker *w)
{
    struct luaserve *s = w->server;
    w->crash_stack = ls_crash_stack_new();
    ls_notice_build(&w->last_words[0], &(struct ls_notice) { .status = 500, .id = NO_ID });
    ls_notice_build(&w->last_words[1], &(struct ls_notice) { .status = 503, .id = NO_ID });
    if (!w->crash_stack || w->last_words[0].failed || w->last_words[1].failed)
        return -ENOMEM;
    ls_self_join(&w->self, s, w->self.slot, NULL, NULL);
    ls_crash_last_words(w->crash_stack, say_last_words, w);
    ls_crash_note_in(w->crash_stack, &w->self.crash);
    ls_crash_watch(w->crash_stack);
    s->epoll = ls_sys_epoll_create1(EPOLL_CLOEXEC);
    return s->epoll < 0 ? s->epoll : ls_door_open(s, &ls_poolhouse);
}

_Noreturn void ls_poolworker_main(struct luaserve *s, uint32_t place)
{
    struct ls_poolworker *w = &s->pool.worker;
    const struct ls_config *c = &s->now->config;
    *w = (struct ls_poolworker) { .driver = ls_poolclient_driver(),
                                  .server = s,
                                  .site = &s->now->site,
                                  .self = s->now->worker.self,
                                  .shared = s->pool.shared,
                                  .place = place,
                                  .hand.owner = place + 1 };
    w->self.slot = &s->shared->slots[place];
    w->self.slot->pid = *s->fork.tid; /* the supervisor may come to that later */
    ls_confine(s, (uint64_t)s->fds.shared_end + s->pool.shared->max + 1024 + c->limits.descriptors);
    mallopt(M_TRIM_THRESHOLD, KEPT); /* or a large body costs its page faults each time */
    mallopt(M_MMAP_THRESHOLD, KEPT);
    int err = prepare(w);
    if (err == 0) {
        ls_confine_finish(s->now, w->self.slot);
        err = watch_bells(w); /* now that the mask of signals stays what it is */
    }
    if (err < 0) {
        snprintf(w->self.slot->cause, sizeof w->self.slot->cause, "cannot begin: %s",
                 strerror(-err));
        ls_process_exit(LUASERVE_OS);
    }
    loop(w);
    ls_process_exit(0);
}
