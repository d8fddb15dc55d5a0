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

void ls_poolevents_watch(struct ls_poolworker *w, struct ls_seat *seat)
{
    const struct ls_member *m = ls_poolclient_member(w, seat);
    const struct ls_events *events = seat->need.events;
    if (seat->need.kind != LS_NEED_EVENTS || seat->watching)
        return;
    for (uint32_t i = 0; i < events->count; i++) {
        struct epoll_event e = { .events = (uint32_t)events->all[i].events | EPOLLONESHOT,
                                 .data.u64 = (uint64_t)seat->member << 32 | LS_ABOUT_SOCKET };
        if (events->all[i].fd == m->fd)
            continue;
        ls_sys_epoll_ctl(w->server->epoll, EPOLL_CTL_ADD, events->all[i].fd, &e);
        seat->watching = true;
    }
}

void ls_poolevents_end(struct ls_poolworker *w, struct ls_seat *seat)
{
    const struct ls_member *m = ls_poolclient_member(w, seat);
    if (!seat->watching)
        return;
    seat->watching = false;
    for (uint32_t i = 0; i < seat->need.events->count; i++)
        if (seat->need.events->all[i].fd != m->fd)
            ls_sys_epoll_ctl(w->server->epoll, EPOLL_CTL_DEL, seat->need.events->all[i].fd, NULL);
}

void ls_poolevents_stir(struct ls_poolworker *w)
{
    for (uint32_t i = 0; i < w->members.cap; i++) {
        const struct ls_member *m = &w->members.all[i];
        if (m->fd >= 0 && m->seat && m->seat->need.kind == LS_NEED_EVENTS)
            ls_members_enqueue(&w->members, i);
    }
}
