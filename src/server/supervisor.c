#include "server/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "os/fault.h"
#include "os/sys.h"
#include "server/budgets.h"
#include "server/identity.h"
#include "server/reaper.h"

enum { EVENTS = 64 }; /* taken at one go */

static uint64_t bit(int signal)
{
    return 1ull << (signal - 1);
}

/* ---- stopping ---- */

static void begin_drain(struct luaserve *s)
{
    ls_log(&s->now->log, LS_LOG_INFO, "stopping: %u clients", s->clients.count);
    ls_service_notify(&s->service, "STOPPING=1");
    ls_reload_drop(s);
    ls_door_close(s);
    s->drain_until = ls_clock_us() + s->now->config.limits.drain_timeout;
    atomic_store(&s->shared->newest, 0);
}

static void kill_all(struct luaserve *s)
{
    const char *why = s->stop > 1 ? "told to stop at once: killed"
                                  : "not done within limits.drain_timeout: killed";
    for (uint32_t i = 0; i < s->clients.count; i++)
        ls_budgets_end(s, s->clients.active[i], why);
    ls_reaper_close_overdue(s, UINT64_MAX); /* nor is anybody waited for who has had an answer */
}

static void note_signal(struct luaserve *s, int signal)
{
    switch (signal) {
    case SIGTERM:
    case SIGINT:
        s->stop++;
        return;
    case SIGHUP:
        s->asked.reload = 1;
        return;
    case SIGUSR1:
        s->asked.reopen = 1;
        return;
    default:
        return;
    }
}

static void read_signals(struct luaserve *s)
{
    struct signalfd_siginfo got[8];
    long len = ls_sys_read(s->signals, got, sizeof got);
    for (long i = 0; (i + 1) * (long)sizeof *got <= len; i++)
        note_signal(s, (int)got[i].ssi_signo);
    ls_reaper_run(s);
}

static bool drained(struct luaserve *s, uint64_t now)
{
    if (s->stop == 0)
        return false;
    if (s->listening)
        begin_drain(s);
    if (s->clients.count == 0)
        return true;
    ls_budgets_close_idle(s);
    if (s->stop > 1 || now >= s->drain_until)
        kill_all(s);
    return false;
}

/* ---- the loop ---- */

static int timeout_ms(struct luaserve *s, uint64_t now, uint64_t next)
{
    if (s->stop > 0 && (next == 0 || next > now + 20000))
        next = now + 20000;
    if (next == 0)
        return -1;
    return next <= now ? 0 : (int)((next - now + 999) / 1000);
}

static void handle(struct luaserve *s, const struct epoll_event *e)
{
    uint32_t index = (uint32_t)(e->data.u64 >> 32);
    switch (e->data.u64 & 0xffffffff) {
    case LS_ABOUT_LISTENER:
        ls_door_answer(s, index);
        break;
    case LS_ABOUT_CLIENT:
        if (s->clients.all[index].linger_until > 0)
            ls_reaper_drain(s, index);
        break;
    default:
        read_signals(s);
    }
}

static uint64_t sooner(uint64_t a, uint64_t b) /* 0: never */
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

static void do_what_was_asked(struct luaserve *s)
{
    bool reload = s->asked.reload, reopen = s->asked.reopen;
    if (!reload && !reopen)
        return;
    s->asked.reload = s->asked.reopen = 0;
    if (reload && s->stop == 0)
        ls_reload_begin(s);
    if (reopen) {
        atomic_fetch_add(&s->shared->log_age, 1);
        ls_log(&s->now->log, LS_LOG_INFO, "log reopened");
    }
}

/* Signals come only while it waits, `waiting` being blocked even then: none can slip in between a
 * look at s->stop and the wait. */
static void loop(struct luaserve *s, uint64_t waiting)
{
    struct epoll_event events[EVENTS];
    uint64_t next = 0, door = 0, now = ls_clock_us();
    while (!drained(s, now)) {
        int timeout = timeout_ms(s, now, sooner(next, door));
        int count = ls_sys_epoll_pwait(s->epoll, events, EVENTS, timeout, &waiting);
        for (int i = 0; i < count; i++)
            handle(s, &events[i]);
        now = ls_clock_us();
        do_what_was_asked(s);
        if (next == 0 || now >= next || s->clients.count == 0) {
            ls_reaper_close_overdue(s, now);
            next = sooner(ls_budgets_look(s, now), ls_reload_look(s, now));
        }
        door = ls_door_look(s, now);
    }
}

/* ---- beginning and end ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of a handler's CPU time we know only what we see: it may pass an eighth of it unseen. */
static uint64_t shortest_of(const struct ls_limits *limits)
{
    const uint64_t all[] = { limits->wall, limits->cpu / 8, limits->body_timeout,
                             limits->send_timeout };
    uint64_t shortest = UINT64_MAX;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] > 0)
            shortest = least(shortest, all[i]);
    return shortest;
}

/* Whoever may open files could otherwise open the memory of other processes of this user. */
static void hide_memory(const struct luaserve *s)
{
    if (s->now->sandbox)
        ls_sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void ls_supervisor_measure(struct luaserve *s)
{
    const struct ls_site *site = &s->now->site;
    uint64_t shortest = least(site->head_timeout, site->idle_timeout);
    shortest = least(shortest, ls_site_allowance(site, 0));
    shortest = least(shortest, least(site->linger_timeout, shortest_of(&site->limits)));
    for (size_t i = 0; i < ls_router_count(s->now->router); i++)
        shortest = least(shortest, shortest_of(&ls_router_at(s->now->router, i)->own));
    s->shortest = shortest;
    hide_memory(s);
}

static int open_placeholder(void)
{
    struct ls_open_how how = { .flags = O_RDONLY | O_CLOEXEC };
    return ls_sys_openat2(AT_FDCWD, "/dev/null", &how, sizeof how);
}

/* The descriptor from which on there is nothing but listeners, or, where other things stand
 * among them, the first one above all that is open. */
static int first_of_ours(const struct luaserve *s)
{
    int highest = ls_fds_highest(), lowest = highest + 1;
    for (size_t i = 0; i < s->listeners.count && highest >= 0; i++)
        lowest = s->listeners.all[i].fd < lowest ? s->listeners.all[i].fd : lowest;
    if (highest < 0)
        return highest;
    return highest - lowest + 1 == (int)s->listeners.count ? lowest : highest + 1;
}

/* Everything that only the supervisor uses comes to lie above what workers share and the room that
 * is left there. */
static int lay_out(struct luaserve *s, uint64_t mask)
{
    int err = first_of_ours(s);
    s->fds.shared_end = err + LS_FDS_ROOM;
    s->epoll = ls_sys_epoll_create1(EPOLL_CLOEXEC);
    s->signals = ls_sys_signalfd4(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    s->placeholder = open_placeholder();
    for (size_t i = 0; i < s->listeners.count && err >= 0; i++)
        err = ls_fds_raise(&s->listeners.all[i].fd, s->fds.shared_end);
    int *own[] = { &s->epoll, &s->signals, &s->placeholder };
    for (size_t i = 0; i < 3 && err >= 0; i++)
        err = ls_fds_raise(own[i], s->fds.shared_end);
    if (err >= 0)
        err = ls_fds_make_ring(&s->fds, s->placeholder);
    if (err == 0)
        ls_fds_fill(&s->fds, s->placeholder);
    return err;
}

static int watch_signals(struct luaserve *s)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = LS_ABOUT_SIGNAL };
    return ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &e);
}

static int prepare(struct luaserve *s, uint64_t mask)
{
    ls_process_raise_descriptors();
    int err = ls_fork_prepare(&s->fork);
    if (err == 0)
        err = ls_shared_map(&s->shared, (uint32_t)s->now->config.processes.max_clients);
    if (err == 0)
        err = ls_clients_init(&s->clients, s->shared->count, s->shared->slots);
    if (err == 0)
        err = ls_generation_prepare(s->now);
    if (err == 0)
        err = lay_out(s, mask);
    if (err == 0)
        err = watch_signals(s);
    if (err == 0)
        err = ls_door_open(s);
    if (err < 0)
        return err;
    atomic_store(&s->shared->newest, 1);
    ls_generation_share(s->now, s->shared, 1);
    ls_supervisor_measure(s);
    ls_fault_become(LS_FAULT_SUPERVISOR);
    if (ls_identity_is_unsafe(&s->now->config))
        ls_log(&s->now->log, LS_LOG_WARN,
               "serving as root: whatever a handler does, root does; set user in config.lua");
    ls_service_notify(&s->service, "READY=1");
    return 0;
}

static void close_ring(struct luaserve *s)
{
    while (s->fds.filled_count > 0)
        ls_sys_close(s->fds.filled[--s->fds.filled_count]);
    if (s->fds.ring > 0)
        ls_sys_close_range((unsigned)s->fds.ring, (unsigned)s->fds.ring + LS_FDS_RING - 1, 0);
    int *own[] = { &s->epoll, &s->signals, &s->placeholder };
    for (int i = 0; i < 3; i++) {
        if (*own[i] >= 0)
            ls_sys_close(*own[i]);
        *own[i] = -1;
    }
}

int ls_supervisor_run(struct luaserve *s)
{
    uint64_t mask = bit(SIGCHLD);
    struct ls_signals before;
    if (s->own_signals)
        mask |= bit(SIGTERM) | bit(SIGINT) | bit(SIGHUP) | bit(SIGUSR1);
    ls_process_take_signals(&before);
    int err = prepare(s, mask);
    if (err == 0)
        loop(s, before.mask | mask);
    ls_reload_drop(s);
    ls_door_close(s);
    ls_census_free(&s->door.census);
    close_ring(s);
    ls_generation_share(s->now, NULL, 0);
    ls_clients_free(&s->clients);
    ls_shared_unmap(&s->shared);
    ls_process_restore_signals(&before);
    return err;
}
