#include "server/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/clock.h"
#include "os/fault.h"
#include "os/sys.h"
#include "server/budgets.h"
#include "server/incident.h"
#include "server/reaper.h"

enum {
    ACCEPTS = 32,          /* clients taken at one go, before we look at anything else */
    ACCEPT_PAUSE = 100000, /* µs without accepting when the system is out of something */
    RING_WAIT = 5000,      /* µs for a worker to cut itself loose, before we look again */
    RING_WAITS = 40,       /* of these, before a new client is turned away */
    EVENTS = 64
};

static uint64_t bit(int signal)
{
    return 1ull << (signal - 1);
}

/* ---- accepting ---- */

static int watch_listener(struct luaserve *s, size_t index, int operation)
{
    struct epoll_event e = { .events = s->accepting ? EPOLLIN : 0,
                             .data.u64 = index << 32 | LS_ABOUT_LISTENER };
    return ls_sys_epoll_ctl(s->epoll, operation, s->listeners.all[index].fd, &e);
}

static void set_accepting(struct luaserve *s, bool on)
{
    if (s->accepting == on)
        return;
    s->accepting = on;
    for (size_t i = 0; i < s->listeners.count; i++)
        watch_listener(s, i, EPOLL_CTL_MOD);
}

static void pause_accepting(struct luaserve *s, const char *what, int err)
{
    ls_log(&s->now->log, LS_LOG_ERROR, "%s: %s; trying again in %d ms", what, strerror(-err),
           ACCEPT_PAUSE / 1000);
    s->accept_again = ls_clock_us() + ACCEPT_PAUSE;
    set_accepting(s, false);
}

/* An entry is used again once its worker has a descriptor table of its own, which takes the
 * worker's first microseconds. One of those that can be used, in turn; -1: none. */
static int free_ring_entry(const struct luaserve *s)
{
    for (uint64_t i = 0; i < LS_FDS_RING; i++) {
        int entry = (int)((s->clients.served + i) % LS_FDS_RING);
        int64_t holder = s->clients.ring[entry];
        if (holder < 0 || atomic_load(&ls_clients_slot(&s->clients, (uint32_t)holder)->detached))
            return entry;
    }
    return -1;
}

static void wait_for_ring(struct luaserve *s)
{
    const struct timespec wait = { .tv_nsec = RING_WAIT * 1000 };
    int64_t holder = s->clients.ring[s->clients.served % LS_FDS_RING];
    struct ls_slot *slot = ls_clients_slot(&s->clients, (uint32_t)holder);
    ls_sys_futex((uint32_t *)&slot->detached, FUTEX_WAIT, 0, &wait, NULL, 0);
    ls_reaper_run(s); /* it may have died before it came to that */
}

/* -EBUSY: no worker gets on, as if all had been stopped. */
static int take_ring_entry(struct luaserve *s)
{
    int entry = free_ring_entry(s);
    for (int i = 0; entry < 0 && i < RING_WAITS; i++) {
        wait_for_ring(s);
        entry = free_ring_entry(s);
    }
    return entry < 0 ? -EBUSY : entry;
}

static void give_up(struct luaserve *s, int fd, int err)
{
    ls_incident_turn_away(s, fd);
    ls_sys_close(fd);
    pause_accepting(s, "cannot fork a worker", err);
}

static int fork_worker(struct luaserve *s, uint32_t client, int entry)
{
    int err = ls_fds_lend(&s->fds, entry, s->clients.all[client].fd);
    fflush(NULL);
    int pid = err < 0 ? err : ls_fork(&s->fork, CLONE_FILES);
    if (pid == 0)
        ls_worker_main(s, client, entry);
    if (pid < 0) {
        ls_fds_clear(&s->fds, entry, s->placeholder);
        return pid;
    }
    s->clients.ring[entry] = client;
    s->clients.all[client].entry = entry;
    s->clients.all[client].generation = s->now->site.generation;
    s->clients.all[client].worker = &s->now->worker;
    ls_clients_set_pid(&s->clients, client, pid);
    return pid;
}

static void spawn(struct luaserve *s, int fd, const struct ls_address *peer)
{
    int entry = take_ring_entry(s);
    if (entry < 0) {
        give_up(s, fd, entry);
        return;
    }
    uint32_t client = ls_clients_add(&s->clients, fd, peer);
    s->clients.ring[entry] = -1;
    atomic_store(&ls_clients_slot(&s->clients, client)->deadline,
                 ls_clock_us() + s->now->site.idle_timeout);
    int pid = fork_worker(s, client, entry);
    if (pid < 0) {
        ls_clients_remove(&s->clients, client);
        give_up(s, fd, pid);
    } else if (s->now->log.level <= LS_LOG_DEBUG) {
        char text[LS_ADDRESS_TEXT];
        ls_address_text(peer, text);
        ls_log(&s->now->log, LS_LOG_DEBUG, "new connection from %s: worker %d", text, pid);
    }
}

/* Descriptors below the ring's end are inherited by workers: no client may sit there. */
static int lift(struct luaserve *s, int fd)
{
    int lowest = s->fds.ring + LS_FDS_RING;
    int lifted = fd >= lowest ? fd : ls_fds_move(fd, lowest);
    if (lifted < 0)
        ls_sys_close(fd);
    return lifted;
}

static void accept_clients(struct luaserve *s, int listener)
{
    struct ls_address peer;
    for (int i = 0; i < ACCEPTS && s->clients.count < s->clients.max && s->accepting; i++) {
        int fd = ls_net_accept(listener, &peer);
        if (fd == -EAGAIN)
            return;
        if (fd == -EINTR || fd == -ECONNABORTED || fd == -EPROTO)
            continue;
        if (fd >= 0)
            fd = lift(s, fd);
        if (fd >= 0)
            spawn(s, fd, &peer);
        else
            pause_accepting(s, "cannot accept a client", fd);
    }
}

/* ---- stopping ---- */

static void begin_drain(struct luaserve *s)
{
    ls_log(&s->now->log, LS_LOG_INFO, "stopping: %u clients", s->clients.count);
    ls_reload_drop(s);
    ls_listeners_close(&s->listeners, NULL);
    s->accepting = s->listening = false;
    s->drain_until = ls_clock_us() + s->now->config.limits.drain_timeout;
    atomic_store(&s->clients.shared->newest, 0);
}

static void kill_all(struct luaserve *s)
{
    for (uint32_t i = 0; i < s->clients.count; i++)
        ls_budgets_kill(s, s->clients.active[i]);
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
    if (s->accept_again > 0 && (next == 0 || s->accept_again < next))
        next = s->accept_again;
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
        if (s->listening)
            accept_clients(s, s->listeners.all[index].fd);
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
        atomic_fetch_add(&s->clients.shared->log_age, 1);
        ls_log(&s->now->log, LS_LOG_INFO, "log reopened");
    }
}

/* Signals come only while it waits, `waiting` being blocked even then: none can slip in between a
 * look at s->stop and the wait. */
static void loop(struct luaserve *s, uint64_t waiting)
{
    struct epoll_event events[EVENTS];
    uint64_t next = 0, now = ls_clock_us();
    while (!drained(s, now)) {
        int count =
            ls_sys_epoll_pwait(s->epoll, events, EVENTS, timeout_ms(s, now, next), &waiting);
        for (int i = 0; i < count; i++)
            handle(s, &events[i]);
        now = ls_clock_us();
        do_what_was_asked(s);
        if (next == 0 || now >= next || s->clients.count == 0) {
            ls_reaper_close_overdue(s, now);
            next = sooner(ls_budgets_look(s, now), ls_reload_look(s, now));
        }
        if (s->accept_again > 0 && now >= s->accept_again)
            s->accept_again = 0;
        set_accepting(s, s->listening && s->accept_again == 0 && s->clients.count < s->clients.max);
    }
}

/* ---- beginning and end ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t shortest_budget(const struct luaserve *s)
{
    const struct ls_site *site = &s->now->site;
    uint64_t shortest = least(site->head_timeout, site->body_timeout);
    shortest = least(shortest, least(site->idle_timeout, ls_site_send_window(site)));
    shortest = least(shortest, ls_site_allowance(site, 0));
    shortest = least(shortest, least(site->linger_timeout, site->wall));
    for (size_t i = 0; i < ls_router_count(s->now->router); i++)
        if (ls_router_at(s->now->router, i)->wall > 0)
            shortest = least(shortest, ls_router_at(s->now->router, i)->wall);
    return shortest;
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

/* Replaces *fd by a duplicate that is at least `lowest`, unless it is already. 0 or -errno. */
static int raise_to(int *fd, int lowest)
{
    int raised = *fd < 0 || *fd >= lowest ? *fd : ls_fds_move(*fd, lowest);
    if (raised >= 0)
        *fd = raised;
    return raised < 0 ? raised : 0;
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
        err = raise_to(&s->listeners.all[i].fd, s->fds.shared_end);
    int *own[] = { &s->epoll, &s->signals, &s->placeholder };
    for (size_t i = 0; i < 3 && err >= 0; i++)
        err = raise_to(own[i], s->fds.shared_end);
    if (err >= 0)
        err = ls_fds_make_ring(&s->fds, s->placeholder);
    if (err == 0)
        ls_fds_fill(&s->fds, s->placeholder);
    return err;
}

static int watch_all(struct luaserve *s)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = LS_ABOUT_SIGNAL };
    int err = ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &e);
    s->accepting = err == 0;
    for (size_t i = 0; i < s->listeners.count && err == 0; i++)
        err = watch_listener(s, i, EPOLL_CTL_ADD);
    return err;
}

static void stop_listening(struct luaserve *s, const struct ls_listeners *but)
{
    for (size_t i = 0; i < s->listeners.count; i++)
        if (!ls_listeners_have(but, s->listeners.all[i].fd))
            ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->listeners.all[i].fd, NULL);
    ls_listeners_close(&s->listeners, but);
}

void ls_supervisor_listen(struct luaserve *s, const struct ls_listeners *listeners)
{
    struct ls_listeners before = s->listeners, now = *listeners;
    for (size_t i = 0; i < now.count; i++)
        if (!ls_listeners_have(&before, now.all[i].fd))
            raise_to(&now.all[i].fd, s->fds.shared_end);
    stop_listening(s, &now);
    s->listeners = now;
    for (size_t i = 0; i < now.count; i++) {
        bool known = ls_listeners_have(&before, now.all[i].fd);
        int err = watch_listener(s, i, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
        if (err < 0)
            ls_log(&s->now->log, LS_LOG_ERROR, "cannot listen on %s: %s", now.all[i].url,
                   strerror(-err));
    }
    s->shortest = shortest_budget(s);
}

static int prepare(struct luaserve *s, uint64_t mask)
{
    ls_process_raise_descriptors();
    int err = ls_fork_prepare(&s->fork);
    if (err == 0)
        err = ls_clients_init(&s->clients, (uint32_t)s->now->config.processes.max_clients);
    if (err == 0)
        err = ls_generation_prepare(s->now);
    if (err == 0)
        err = lay_out(s, mask);
    if (err == 0)
        err = watch_all(s);
    if (err < 0)
        return err;
    atomic_store(&s->clients.shared->newest, 1);
    ls_generation_share(s->now, s->clients.shared, 1);
    s->shortest = shortest_budget(s);
    ls_fault_become(LS_FAULT_SUPERVISOR);
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
    ls_listeners_close(&s->listeners, NULL);
    s->listening = false;
    close_ring(s);
    ls_generation_share(s->now, NULL, 0);
    ls_clients_free(&s->clients);
    ls_process_restore_signals(&before);
    return err;
}
