#include "server/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "os/fault.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/identity.h"
#include "server/reaper.h"

enum {
    EVENTS = 64,        /* taken at one go */
    LONGEST = 60000000, /* µs that it waits at most: what is due later is looked at again */
    GLANCE = 20000      /* the same, once it is to stop */
};

static uint64_t bit(int signal)
{
    return 1ull << (signal - 1);
}

uint64_t ls_supervisor_signals(void)
{
    return bit(SIGTERM) | bit(SIGINT) | bit(SIGHUP) | bit(SIGUSR1) | bit(SIGCHLD);
}

/* ---- stopping ---- */

static void begin_drain(struct luaserve *s)
{
    ls_log(&s->now->log, LS_LOG_INFO, "stopping: %u clients", s->mode->clients(s));
    ls_service_notify(&s->service, "STOPPING=1");
    ls_reload_drop(s);
    s->drain_until = ls_clock_us() + s->now->config.limits.drain_timeout;
    atomic_store(&s->shared->newest, 0);
    s->mode->drain(s);
    ls_warden_ring(s);
    s->listening = false;
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

static void end_all(struct luaserve *s, const char *why)
{
    s->mode->end(s, why);
    ls_warden_end(s, why);
}

static bool drained(struct luaserve *s, uint64_t now)
{
    if (s->stop == 0)
        return false;
    if (s->listening)
        begin_drain(s);
    if (s->mode->empty(s) && ls_warden_is_empty(s))
        return true;
    if (s->stop > 1)
        end_all(s, "told to stop at once: killed");
    else if (now >= s->drain_until)
        end_all(s, "not done within limits.drain_timeout: killed");
    return false;
}

/* ---- a turn ---- */

/* Until when there is nothing to do, in µs; 0: for ever, as far as is known. */
static uint64_t due(const struct luaserve *s)
{
    return s->stop > 0 ? ls_clock_sooner(s->due, s->looked + GLANCE) : s->due;
}

static int timeout_ms(const struct luaserve *s, int most)
{
    uint64_t now = s->looked, next = due(s);
    if (next == 0)
        return most;
    int own = next <= now            ? 0
              : next - now > LONGEST ? (int)(LONGEST / 1000)
                                     : (int)((next - now + 999) / 1000);
    return most >= 0 && most < own ? most : own;
}

static void do_what_was_asked(struct luaserve *s)
{
    bool reload = atomic_exchange(&s->asked.reload, 0),
         reopen = atomic_exchange(&s->asked.reopen, 0);
    if (reload && s->stop == 0)
        ls_reload_begin(s);
    if (reopen) {
        atomic_fetch_add(&s->shared->log_age, 1);
        ls_log(&s->now->log, LS_LOG_INFO, "log reopened");
    }
}

/* Does what is due. When to look again, in µs; 0: no need. */
static uint64_t look(struct luaserve *s, uint64_t now)
{
    uint64_t next = ls_clock_sooner(s->mode->look(s, now), ls_reload_look(s, now));
    next = ls_clock_sooner(next, ls_timetable_look(s, now));
    next = ls_clock_sooner(next, ls_children_look(s, now));
    return ls_clock_sooner(next, ls_warden_look(s, now));
}

static void look_around(struct luaserve *s)
{
    do_what_was_asked(s);
    s->looked = ls_clock_us();
    s->due = look(s, s->looked);
}

static void was_woken(struct luaserve *s)
{
    uint64_t times;
    ls_sys_read(s->wake, &times, sizeof times);
    ls_births_take(&s->shared->births, 0, ls_children_adopt, s);
}

static void timer_went_off(struct luaserve *s)
{
    uint64_t times;
    ls_sys_read(s->timer.fd, &times, sizeof times);
    s->timer.at = 0;
}

static void handle(struct luaserve *s, uint64_t data)
{
    switch (data & UINT32_MAX) {
    case LS_ABOUT_SIGNAL:
        read_signals(s);
        break;
    case LS_ABOUT_CHILD:
        ls_children_event(s, (uint32_t)(data >> 32));
        break;
    case LS_ABOUT_WAKE:
        was_woken(s);
        break;
    case LS_ABOUT_TIMER:
        timer_went_off(s);
        break;
    default:
        s->mode->event(s, data);
    }
}

/* Signals come only while it waits, and what they ask for is seen before: none can slip in between a
 * look at s->stop and the wait. False: it has stopped. */
static bool turn(struct luaserve *s, int most)
{
    const uint64_t waiting = s->held.mask | bit(SIGPIPE); /* which is ours, if it comes now */
    struct epoll_event events[EVENTS];
    int count = ls_sys_epoll_pwait(s->epoll, events, EVENTS, timeout_ms(s, most), &waiting);
    for (int i = 0; i < count; i++)
        handle(s, events[i].data.u64);
    look_around(s);
    return !drained(s, s->looked);
}

/* ---- in our hands, and out of them ---- */

static void enter(struct luaserve *s)
{
    ls_process_hold_signals(&s->held);
    ls_tracing_resume(s);
}

static void leave(struct luaserve *s)
{
    ls_tracing_pause(s);
    ls_process_release_signals(&s->held);
}

/* It may go off too early: then it is set again. */
static void set_timer(struct luaserve *s)
{
    uint64_t at = due(s);
    if (at == 0 || (s->timer.at > 0 && s->timer.at <= at))
        return;
    const struct itimerspec when = { .it_value.tv_sec = (time_t)(at / 1000000),
                                     .it_value.tv_nsec = (long)(at % 1000000 * 1000) };
    if (ls_sys_timerfd_settime(s->timer.fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        s->timer.at = at;
}

/* ---- beginning and end ---- */

/* Whoever may open files could otherwise open the memory of other processes of this user. */
void ls_supervisor_hide(const struct luaserve *s)
{
    if (s->now->sandbox)
        ls_sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
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

static int hang_bell(struct luaserve *s)
{
    if (s->wake < 0) /* else of a start that failed */
        s->wake = ls_sys_eventfd2(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return s->wake < 0 ? s->wake : ls_fds_raise(&s->wake, 3); /* nobody's standard input */
}

/* Everything that only the supervisor uses comes to lie above what workers share and the room that
 * is left there. Where they tell it of their children (births.h) they have its bell. */
static int lay_out(struct luaserve *s)
{
    const uint64_t mask = ls_supervisor_signals();
    int err = s->own_signals ? 0 : hang_bell(s);
    if (err >= 0)
        err = first_of_ours(s);
    s->fds.shared_end =
        err + LS_FDS_ROOM + 2 * (int)s->now->mounts.count; /* a reload opens them anew */
    s->epoll = ls_sys_epoll_create1(EPOLL_CLOEXEC);
    if (s->own_signals)
        s->signals = ls_sys_signalfd4(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    s->placeholder = ls_fds_placeholder();
    s->timer.fd = ls_sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    for (size_t i = 0; i < s->listeners.count && err >= 0; i++)
        err = ls_fds_raise(&s->listeners.all[i].fd, s->fds.shared_end);
    if (s->own_signals && err >= 0)
        err = hang_bell(s);
    int *own[] = { &s->epoll, &s->signals, &s->placeholder, &s->timer.fd, &s->wake };
    for (size_t i = 0; i < (s->own_signals ? 5 : 4) && err >= 0; i++)
        err = ls_fds_raise(own[i], s->fds.shared_end);
    if (err >= 0)
        err = ls_fds_make_ring(&s->fds, s->placeholder);
    if (err == 0)
        ls_fds_fill(&s->fds, s->placeholder);
    return err;
}

static int watch(struct luaserve *s, int fd, uint64_t about)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = about };
    return ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e);
}

static int watch_all(struct luaserve *s)
{
    int err = watch(s, s->wake, LS_ABOUT_WAKE);
    if (err == 0)
        err = watch(s, s->timer.fd, LS_ABOUT_TIMER);
    return err < 0 || s->signals < 0 ? err : watch(s, s->signals, LS_ABOUT_SIGNAL);
}

static int map_shared(struct luaserve *s)
{
    const struct ls_config *c = &s->now->config;
    const struct ls_shared_sizes sizes = { .workers = s->mode->slots(c),
                                           .sides =
                                               (uint32_t)c->processes.max_clients + LS_SCHEDULES,
                                           .cards = s->mode->cards ? s->mode->cards(c) : 0,
                                           .store = c->shared.size & ~(size_t)4095,
                                           .ring = c->channels.queue & ~(size_t)63,
                                           .accounts = s->mode->accounts(c) };
    int err = ls_shared_map(&s->shared, &sizes);
    if (err < 0)
        return err;
    s->shared->roster.mode = s->mode->name;
    s->shared->roster.max_clients = s->max_clients;
    return 0;
}

static int prepare(struct luaserve *s)
{
    ls_process_raise_descriptors();
    int err = ls_fork_prepare(&s->fork);
    if (!s->own_signals)
        s->fork.exit_signal = 0;
    if (err == 0)
        err = map_shared(s);
    if (err == 0)
        err = ls_tracing_open(s);
    if (err == 0)
        err = ls_warden_open(s);
    if (err == 0)
        err = ls_generation_prepare(s->now);
    if (err == 0)
        err = lay_out(s);
    if (err == 0)
        err = watch_all(s);
    if (err == 0)
        err = ls_children_open(s);
    if (err < 0)
        return err;
    atomic_store(&s->shared->newest, 1);
    ls_generation_share(s->now, s->shared, 1);
    ls_accounting_serve(s, s->now);
    ls_supervisor_hide(s);
    err = s->mode->open(s);
    if (err < 0)
        return err;
    ls_timetable_renew(s);
    ls_fault_become(LS_FAULT_SUPERVISOR);
    if (ls_identity_is_unsafe(&s->now->config))
        ls_log(&s->now->log, LS_LOG_WARN,
               "serving as root: whatever a handler does, root does; set user in config.lua");
    if (s->now->config.dev && s->now->config.processes.mode != LS_MODE_FORK)
        ls_log(&s->now->log, LS_LOG_INFO, "dev: processes.mode is fork while developing");
    ls_service_notify(&s->service, "READY=1");
    return 0;
}

void ls_supervisor_leave(struct luaserve *s)
{
    while (s->fds.filled_count > 0)
        ls_sys_close(s->fds.filled[--s->fds.filled_count]);
    if (s->fds.ring > 0)
        ls_sys_close_range((unsigned)s->fds.ring, (unsigned)s->fds.ring + LS_FDS_RING - 1, 0);
    int *own[] = { &s->epoll, &s->signals, &s->placeholder, &s->timer.fd };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (*own[i] >= 0)
            ls_sys_close(*own[i]);
        *own[i] = -1;
    }
}

static void take_signals(struct luaserve *s)
{
    if (!s->own_signals)
        return;
    ls_process_take_signals(&s->before);
    ls_sys_rt_sigprocmask(SIG_SETMASK, &s->before.mask, NULL); /* those of ours stay blocked */
}

static void finish(struct luaserve *s)
{
    s->life = LS_HAS_RUN;
    ls_reload_drop(s);
    ls_listeners_close(&s->listeners, NULL);
    s->listening = false;
    s->mode->close(s);
    ls_children_close(s);
    ls_supervisor_leave(s);
    ls_generation_share(s->now, NULL, 0);
    if (s->shared)
        ls_warden_close(s);
    ls_tracing_close(s);
    ls_shared_unmap(&s->shared);
    if (s->own_signals)
        ls_process_restore_signals(&s->before);
}

int ls_supervisor_start(struct luaserve *s)
{
    s->thread = pthread_self();
    s->mode = ls_mode_of(&s->now->config);
    s->max_clients = (uint32_t)s->now->config.processes.max_clients;
    take_signals(s);
    enter(s);
    int err = prepare(s);
    s->life = LS_RUNS;
    if (err < 0)
        finish(s);
    else
        look_around(s);
    leave(s);
    if (err == 0)
        set_timer(s);
    return err;
}

static bool go_on(struct luaserve *s, int most)
{
    bool runs = !drained(s, s->looked) && turn(s, most);
    if (!runs)
        finish(s);
    return runs;
}

bool ls_supervisor_step(struct luaserve *s, int most_ms)
{
    enter(s);
    bool runs = go_on(s, most_ms);
    leave(s);
    if (runs)
        set_timer(s);
    return runs;
}

void ls_supervisor_run(struct luaserve *s)
{
    enter(s);
    while (go_on(s, -1))
        ;
    leave(s);
}

void ls_supervisor_wake(const struct luaserve *s)
{
    if (s->wake >= 0)
        ls_process_poke(s->pid, s->wake);
}
