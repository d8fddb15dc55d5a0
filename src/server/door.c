#include "server/door.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/server.h"

enum {
    TURNED_AWAY = 32,  /* at one go, before we look at anything else */
    PAUSE = 100000,    /* µs without accepting when the system is out of something */
    LEAVING = 1000000, /* µs for an idle client to make room */
    FRESH = 250000,    /* µs for the first request of a client to come */
    GLANCE = 10000     /* µs until we look again whether somebody can make room */
};

static int watch(struct luaserve *s, size_t index)
{
    struct epoll_event e = { .events = EPOLLIN | s->door.house->how,
                             .data.u64 = index << 32 | LS_ABOUT_LISTENER };
    return ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listeners.all[index].fd, &e);
}

static int unwatch(struct luaserve *s, size_t index)
{
    return ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->listeners.all[index].fd, NULL);
}

static void set_open(struct luaserve *s, bool open)
{
    if (s->door.open == open)
        return;
    s->door.open = open;
    for (size_t i = 0; i < s->listeners.count; i++) {
        int err = open ? watch(s, i) : unwatch(s, i);
        if (err < 0)
            ls_log(&s->now->log, LS_LOG_ERROR, "cannot listen on %s: %s", s->listeners.all[i].url,
                   strerror(-err));
    }
}

static void shut_for_now(struct luaserve *s, const char *what, int err)
{
    ls_log(&s->now->log, LS_LOG_ERROR, "%s: %s; trying again in %d ms", what, strerror(-err),
           PAUSE / 1000);
    s->door.again = ls_clock_us() + PAUSE;
    set_open(s, false);
}

/* Who comes to a raw service could not read our answer. */
static void turn_away(struct luaserve *s, int fd, uint32_t service, enum ls_refusal why)
{
    char id[17];
    ls_tally(&ls_tallies_of(s)->refusals[why], 1);
    if (service > 0) {
        ls_sys_close(fd);
        return;
    }
    ls_request_id(s->now->site.nonce, s->door.house->number(s), 1, id);
    ls_strangers_turn_away(&s->door.strangers, fd, id, &s->now->log);
}

/* ---- accepting ---- */

/* The next one who waits at the listener: its descriptor, -EAGAIN when there is none, or -errno. */
static int accept_one(struct luaserve *s, int listener, struct ls_address *peer)
{
    int fd;
    do
        fd = s->door.house->accept(s, listener, peer);
    while (fd == -EINTR || fd == -ECONNABORTED || fd == -EPROTO);
    return fd;
}

/* Where a service is really bound. */
static const char *bound(const struct luaserve *s, uint32_t service)
{
    for (size_t i = 0; i < s->listeners.count; i++)
        if (s->listeners.all[i].service == service)
            return s->listeners.all[i].bound;
    return "";
}

void ls_door_tell(const struct luaserve *s, const struct ls_address *peer, uint32_t service,
                  int worker)
{
    enum ls_log_level level = service > 0 ? LS_LOG_INFO : LS_LOG_DEBUG;
    char text[LS_ADDRESS_TEXT];
    if (s->now->log.level > level)
        return;
    ls_address_text(peer, text);
    ls_log(&s->now->log, level, "new connection from %s%s%s: worker %d", text,
           service > 0 ? " to " : "", service > 0 ? bound(s, service) : "", worker);
}

static void let_in(struct luaserve *s, int fd, const struct ls_address *peer, uint32_t service)
{
    const struct ls_house *house = s->door.house;
    if (house->is_crowd(s, peer) && !house->evict(s, peer)) {
        turn_away(s, fd, service, LS_REFUSED_ADDRESS);
        return;
    }
    int err = house->take(s, fd, peer, service);
    if (err < 0) {
        turn_away(s, fd, service, LS_REFUSED_SYSTEM);
        shut_for_now(s, house->cannot, err);
    }
}

void ls_door_hold(struct luaserve *s)
{
    s->door.held = true;
    set_open(s, false);
}

/* Somebody waits, and there is no room: for how long? Not less than an idle client needs to go. */
static void begin_wait(struct luaserve *s)
{
    uint64_t wait = s->now->config.processes.queue_timeout;
    if (s->door.house->evict(s, NULL) && wait < LEAVING)
        wait = LEAVING;
    s->door.full_until = ls_clock_us() + wait;
    set_open(s, false);
}

static bool is_full(struct luaserve *s)
{
    bool full = !s->door.house->reserve(s);
    s->door.house->release(s);
    return full;
}

static void accept_some(struct luaserve *s, uint32_t index)
{
    struct ls_address peer;
    /* While developing, whether something has changed is asked before each client. */
    unsigned most = s->now->config.dev ? 1 : s->door.house->accepts;
    for (unsigned i = 0; i < most && s->door.open && s->door.house->reserve(s); i++) {
        int fd = accept_one(s, s->listeners.all[index].fd, &peer);
        if (fd == -EAGAIN || fd == -EINVAL) /* EINVAL: nobody listens any more */
            return;
        if (fd < 0)
            shut_for_now(s, "cannot accept a client", fd);
        else
            let_in(s, fd, &peer, s->listeners.all[index].service);
    }
}

void ls_door_answer(struct luaserve *s, uint32_t index)
{
    if (index >= s->listeners.count)
        return;
    if (is_full(s))
        begin_wait(s);
    accept_some(s, index);
    s->door.house->release(s);
}

static void turn_all_away(struct luaserve *s)
{
    struct ls_address peer;
    for (size_t i = 0; i < s->listeners.count; i++) {
        int fd = 0;
        for (int n = 0; n < TURNED_AWAY && fd >= 0; n++) {
            fd = accept_one(s, s->listeners.all[i].fd, &peer);
            if (fd >= 0)
                turn_away(s, fd, s->listeners.all[i].service, LS_REFUSED_FULL);
        }
    }
}

bool ls_door_is_fresh(const struct luaserve *s, uint64_t until, uint64_t now)
{
    return until + FRESH > now + s->now->site.idle_timeout;
}

/* When to look again; 0: nobody waits. */
static uint64_t look_at_queue(struct luaserve *s, uint64_t now)
{
    struct ls_door *d = &s->door;
    if (d->full_until == 0)
        return 0;
    if (!is_full(s)) {
        d->full_until = 0;
        return 0;
    }
    if (now < d->full_until) {
        s->door.house->evict(s, NULL);
        return now + GLANCE;
    }
    turn_all_away(s);
    d->full_until = 0;
    return 0;
}

uint64_t ls_door_look(struct luaserve *s, uint64_t now)
{
    struct ls_door *d = &s->door;
    uint64_t next =
        ls_clock_sooner(look_at_queue(s, now), ls_strangers_look(&d->strangers, now, &s->now->log));
    if (now >= d->again)
        d->again = 0;
    d->held = d->held && s->reload.pid > 0;
    set_open(s, s->listening && d->again == 0 && d->full_until == 0 && !d->held);
    return ls_clock_sooner(next, d->again);
}

/* ---- the listeners ---- */

int ls_door_open(struct luaserve *s, const struct ls_house *house)
{
    int err = 0;
    s->door = (struct ls_door) { .house = house, .open = true };
    for (size_t i = 0; i < s->listeners.count && err == 0; i++)
        err = watch(s, i);
    return err;
}

void ls_door_close(struct luaserve *s)
{
    set_open(s, false);
    ls_strangers_close(&s->door.strangers);
    s->door.full_until = s->door.again = 0;
}

void ls_door_move(struct luaserve *s, const struct ls_listeners *listeners)
{
    bool open = s->door.open;
    set_open(s, false);
    s->listeners = *listeners;
    set_open(s, open);
}
