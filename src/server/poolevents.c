#include "server/poolevents.h"

#include <sys/epoll.h>
#include <time.h>

#include "os/sys.h"
#include "server/poolclient.h"
#include "server/server.h"

/* The client's own socket is in the epoll set anyway, which tells once what it has to say. */
static short of_client(const struct ls_member *m, short asked)
{
    int said =
        (m->readable ? POLLIN : 0) | (m->writable ? POLLOUT : 0) | (m->hung_up ? POLLRDHUP : 0);
    return (short)((said & asked) | (m->broken ? POLLHUP : 0));
}

void ls_poolevents_begin(struct ls_poolworker *w, struct ls_seat *seat)
{
    struct ls_member *m = ls_poolclient_member(w, seat);
    const struct ls_events *events = seat->need.events;
    for (uint32_t i = 0; i < events->count; i++) {
        if (events->all[i].fd != m->fd)
            continue;
        m->readable &= !(events->all[i].events & POLLIN) || m->hung_up; /* an end is told once */
        m->writable &= !(events->all[i].events & POLLOUT);
    }
}

bool ls_poolevents_writes(const struct ls_seat *seat, int fd)
{
    const struct ls_events *events = seat->need.events;
    for (uint32_t i = 0; seat->need.kind == LS_NEED_EVENTS && i < events->count; i++)
        if (events->all[i].fd == fd && (events->all[i].events & POLLOUT))
            return true;
    return false;
}

/* The others are asked: whoever comes here has been told that there is something, or has just begun. */
static bool ask_others(struct ls_events *events, int client)
{
    const struct timespec now = { 0, 0 };
    bool found = false;
    for (uint32_t i = 0; i < events->count; i++)
        if (events->all[i].fd != client)
            found |= ls_sys_ppoll(&events->all[i], 1, &now, NULL) > 0;
    return found;
}

bool ls_poolevents_ready(struct ls_poolworker *w, struct ls_seat *seat)
{
    const struct ls_member *m = ls_poolclient_member(w, seat);
    struct ls_events *events = seat->need.events;
    bool stops = seat->engine.streaming && ls_site_stops(w->site);
    bool found = seat->rung || (stops && !events->finishing);
    for (uint32_t i = 0; i < events->count; i++)
        if (events->all[i].fd == m->fd)
            found |= (events->all[i].revents = of_client(m, events->all[i].events)) != 0;
    found |= ask_others(events, m->fd);
    seat->rung = false;
    return found;
}

static bool is_watched(const struct ls_seat *seat, uint32_t index)
{
    return seat->watching >> index & 1;
}

/* Told of once, so it has to be said again. Where somebody else waits for that one already, nobody would be
 * told: then the handler is. */
void ls_poolevents_watch(struct ls_poolworker *w, struct ls_seat *seat)
{
    const struct ls_member *m = ls_poolclient_member(w, seat);
    struct ls_events *events = seat->need.events;
    for (uint32_t i = 0; seat->need.kind == LS_NEED_EVENTS && i < events->count; i++) {
        struct epoll_event e = { .events = (uint32_t)events->all[i].events | EPOLLONESHOT,
                                 .data.u64 = (uint64_t)seat->member << 32 | LS_ABOUT_SOCKET };
        if (events->all[i].fd == m->fd)
            continue;
        int how = is_watched(seat, i) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        if (ls_sys_epoll_ctl(w->server->epoll, how, events->all[i].fd, &e) == 0) {
            seat->watching |= 1u << i;
        } else {
            events->refused = seat->rung = true;
            ls_members_enqueue(&w->members, seat->member);
        }
    }
}

void ls_poolevents_end(struct ls_poolworker *w, struct ls_seat *seat)
{
    for (uint32_t i = 0; seat->watching && i < seat->need.events->count; i++)
        if (is_watched(seat, i))
            ls_sys_epoll_ctl(w->server->epoll, EPOLL_CTL_DEL, seat->need.events->all[i].fd, NULL);
    seat->watching = 0;
}

void ls_poolevents_stir(struct ls_poolworker *w)
{
    for (uint32_t i = 0; i < w->members.cap; i++) {
        const struct ls_member *m = &w->members.all[i];
        if (m->fd >= 0 && m->seat && m->seat->need.kind == LS_NEED_EVENTS)
            ls_members_enqueue(&w->members, i);
    }
}
