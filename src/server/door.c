#include "server/door.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/budgets.h"
#include "server/server.h"
#include "server/spawn.h"

enum {
    ACCEPTS = 32,      /* clients taken at one go, before we look at anything else */
    PAUSE = 100000,    /* µs without accepting when the system is out of something */
    LEAVING = 1000000, /* µs for an idle client to make room */
    GLANCE = 10000     /* µs until we look again whether somebody can make room */
};

static int watch(struct luaserve *s, size_t index, int operation)
{
    struct epoll_event e = { .events = s->door.open ? EPOLLIN : 0,
                             .data.u64 = index << 32 | LS_ABOUT_LISTENER };
    return ls_sys_epoll_ctl(s->epoll, operation, s->listeners.all[index].fd, &e);
}

static void set_open(struct luaserve *s, bool open)
{
    if (s->door.open == open)
        return;
    s->door.open = open;
    for (size_t i = 0; i < s->listeners.count; i++)
        watch(s, i, EPOLL_CTL_MOD);
}

static void shut_for_now(struct luaserve *s, const char *what, int err)
{
    ls_log(&s->now->log, LS_LOG_ERROR, "%s: %s; trying again in %d ms", what, strerror(-err),
           PAUSE / 1000);
    s->door.again = ls_clock_us() + PAUSE;
    set_open(s, false);
}

static void turn_away(struct luaserve *s, int fd)
{
    char id[17];
    ls_request_id(s->now->site.nonce, ++s->clients.served, 1, id);
    ls_strangers_turn_away(&s->door.strangers, fd, id, &s->now->log);
}

/* ---- accepting ---- */

/* Descriptors below the ring's end are inherited by workers: no client may sit there. */
static int lift(struct luaserve *s, int fd)
{
    int lowest = s->fds.ring + LS_FDS_RING;
    int lifted = fd >= lowest ? fd : ls_fds_move(fd, lowest);
    if (lifted < 0)
        ls_sys_close(fd);
    return lifted;
}

/* The next one who waits at the listener: its descriptor, -EAGAIN when there is none, or -errno. */
static int accept_one(struct luaserve *s, int listener, struct ls_address *peer)
{
    int fd;
    do
        fd = ls_net_accept(listener, peer, 0);
    while (fd == -EINTR || fd == -ECONNABORTED || fd == -EPROTO);
    return fd < 0 ? fd : lift(s, fd);
}

static bool is_crowd(struct luaserve *s, const struct ls_address *peer)
{
    uint64_t most = s->now->config.processes.per_address;
    return most > 0 && ls_census_count(&s->door.census, peer) >= most && !ls_budgets_evict(s, peer);
}

static void let_in(struct luaserve *s, int fd, const struct ls_address *peer)
{
    if (is_crowd(s, peer)) {
        turn_away(s, fd);
        return;
    }
    int err = ls_spawn(s, fd, peer);
    if (err < 0) {
        turn_away(s, fd);
        shut_for_now(s, "cannot fork a worker", err);
        return;
    }
    ls_census_add(&s->door.census, peer);
}

/* Somebody waits, and there is no room: for how long? Not less than an idle client needs to go. */
static void begin_wait(struct luaserve *s)
{
    uint64_t wait = s->now->config.processes.queue_timeout;
    if (ls_budgets_evict(s, NULL) && wait < LEAVING)
        wait = LEAVING;
    s->door.full_until = ls_clock_us() + wait;
    set_open(s, false);
}

void ls_door_answer(struct luaserve *s, uint32_t index)
{
    struct ls_address peer;
    if (index >= s->listeners.count)
        return;
    if (s->clients.count == s->clients.max)
        begin_wait(s);
    for (int i = 0; i < ACCEPTS && s->door.open && s->clients.count < s->clients.max; i++) {
        int fd = accept_one(s, s->listeners.all[index].fd, &peer);
        if (fd == -EAGAIN)
            return;
        if (fd < 0)
            shut_for_now(s, "cannot accept a client", fd);
        else
            let_in(s, fd, &peer);
    }
}

static void turn_all_away(struct luaserve *s)
{
    struct ls_address peer;
    for (size_t i = 0; i < s->listeners.count; i++) {
        int fd = 0;
        for (int n = 0; n < ACCEPTS && fd >= 0; n++) {
            fd = accept_one(s, s->listeners.all[i].fd, &peer);
            if (fd >= 0)
                turn_away(s, fd);
        }
    }
}

/* When to look again; 0: nobody waits. */
static uint64_t look_at_queue(struct luaserve *s, uint64_t now)
{
    struct ls_door *d = &s->door;
    if (d->full_until == 0)
        return 0;
    if (s->clients.count < s->clients.max) {
        d->full_until = 0;
        return 0;
    }
    if (now < d->full_until) {
        ls_budgets_evict(s, NULL);
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
    set_open(s, s->listening && d->again == 0 && d->full_until == 0);
    return ls_clock_sooner(next, d->again);
}

void ls_door_left(struct luaserve *s, const struct ls_address *address)
{
    ls_census_remove(&s->door.census, address);
}

/* ---- the listeners ---- */

int ls_door_open(struct luaserve *s)
{
    int err = ls_census_init(&s->door.census, s->clients.max);
    s->door.open = true;
    for (size_t i = 0; i < s->listeners.count && err == 0; i++)
        err = watch(s, i, EPOLL_CTL_ADD);
    return err;
}

void ls_door_close(struct luaserve *s)
{
    ls_listeners_close(&s->listeners, NULL);
    ls_strangers_close(&s->door.strangers);
    s->door.open = false;
    s->door.full_until = s->door.again = 0;
}

static void leave(struct luaserve *s, const struct ls_listeners *but)
{
    for (size_t i = 0; i < s->listeners.count; i++)
        if (!ls_listeners_have(but, s->listeners.all[i].fd))
            ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->listeners.all[i].fd, NULL);
    ls_listeners_close(&s->listeners, but);
}

void ls_door_move(struct luaserve *s, const struct ls_listeners *listeners)
{
    struct ls_listeners before = s->listeners, now = *listeners;
    for (size_t i = 0; i < now.count; i++)
        if (!ls_listeners_have(&before, now.all[i].fd))
            ls_fds_raise(&now.all[i].fd, s->fds.shared_end);
    leave(s, &now);
    s->listeners = now;
    for (size_t i = 0; i < now.count; i++) {
        bool known = ls_listeners_have(&before, now.all[i].fd);
        int err = watch(s, i, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
        if (err < 0)
            ls_log(&s->now->log, LS_LOG_ERROR, "cannot listen on %s: %s", now.all[i].url,
                   strerror(-err));
    }
}
