#include "server/reaper.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/death.h"
#include "server/incident.h"

enum {
    DRAIN_BLOCKS = 64, /* of 4 KiB, thrown away at one go */
    LOST = 0xff00      /* the status of who was reaped by others: exit(255) */
};

void ls_reaper_close(struct luaserve *s, uint32_t client)
{
    struct ls_client *c = &s->clients.all[client];
    if (c->cut)
        ls_net_cut(c->fd);
    if (s->clients.ring[c->entry] == client) {
        ls_fds_clear(&s->fds, c->entry, s->placeholder);
        s->clients.ring[c->entry] = -1;
    }
    /* Others may hold the socket still (a worker that is just being cloned): then its close alone
     * would leave it in the set, and events would come for a client that is no more. */
    if (c->watched)
        ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
    c->linger_until = 0;
    ls_sys_close(c->fd);
    ls_census_remove(&s->census, &c->peer);
    ls_roster_left(&s->shared->roster, atomic_load(&ls_clients_slot(&s->clients, client)->word));
    ls_clients_remove(&s->clients, client);
}

/* False at the end of input, or when the connection broke. */
static bool throw_away(int fd)
{
    char block[4096];
    for (int i = 0; i < DRAIN_BLOCKS; i++) {
        long got = ls_sys_recvfrom(fd, block, sizeof block, MSG_DONTWAIT, NULL, NULL);
        if (got == -EAGAIN)
            return true;
        if (got <= 0)
            return false;
    }
    return true;
}

/* We have said our last, but a close with unread input would send a reset that overtakes it. What
 * we have shut down for reading looks as if it had ended, and we cannot wait for the real end. */
static void linger(struct luaserve *s, uint32_t client)
{
    struct ls_client *c = &s->clients.all[client];
    struct epoll_event want = { .events = EPOLLIN,
                                .data.u64 = (uint64_t)client << 32 | LS_ABOUT_CLIENT };
    ls_sys_shutdown(c->fd, SHUT_WR);
    if (!throw_away(c->fd) && !c->deaf) {
        ls_reaper_close(s, client);
        return;
    }
    c->watched = !c->deaf && ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &want) == 0;
    c->linger_until = ls_clock_us() + s->now->site.linger_timeout;
}

void ls_reaper_drain(struct luaserve *s, uint32_t client)
{
    if (!throw_away(s->clients.all[client].fd))
        ls_reaper_close(s, client);
}

void ls_reaper_close_overdue(struct luaserve *s, uint64_t now)
{
    for (uint32_t i = s->clients.count; i-- > 0;) {
        uint32_t client = s->clients.active[i];
        uint64_t until = s->clients.all[client].linger_until;
        if (until > 0 && now >= until)
            ls_reaper_close(s, client);
    }
}

/* Who develops sees in the page what the log says. */
static void answer_death(struct luaserve *s, uint32_t client, const struct ls_death *death)
{
    struct ls_buffer report = { 0 };
    ls_death_log(s, client, death, "answered 500");
    if (s->now->config.dev)
        ls_death_report(s, client, death, &report);
    ls_incident_answer(s, client, 500, report.failed ? NULL : report.at);
    ls_buffer_free(&report);
}

/* A worker that ended in the middle of something: what its client still has to be told. */
static void after_death(struct luaserve *s, uint32_t client, enum ls_phase phase,
                        const struct ls_death *death)
{
    struct ls_client *c = &s->clients.all[client];
    struct ls_traffic t;
    ls_traffic_look(s, client, &t);
    if (t.answered) {
        ls_death_log(s, client, death, "connection cut");
        c->cut = true;
    } else if (t.asked || phase == LS_PHASE_START) { /* then the request may still be coming */
        answer_death(s, client, death);
    } else {
        ls_death_log(s, client, death, "no request in flight");
    }
}

static bool is_at_its_end(enum ls_phase phase)
{
    return phase == LS_PHASE_GONE || phase == LS_PHASE_TORN || phase == LS_PHASE_TAKEN ||
           phase == LS_PHASE_LINGER;
}

void ls_reaper_ended(struct luaserve *s, int pid, const struct ls_death *death)
{
    uint32_t client = (uint32_t)ls_clients_find(&s->clients, pid);
    struct ls_client *c = &s->clients.all[client];
    uint64_t word = atomic_load(&ls_clients_slot(&s->clients, client)->word);
    enum ls_phase phase = ls_slot_phase(word);
    if (phase == LS_PHASE_TORN) /* the worker has said why */
        c->cut = true;
    else if (c->why)
        ls_death_log(s, client, death, c->answered ? "answered 503" : "connection cut");
    else if (!is_at_its_end(phase))
        after_death(s, client, phase, death);
    if (!is_at_its_end(phase) || WIFSIGNALED(death->status))
        ls_accounting_death(s, death, c->cause);
    ls_clients_unset_pid(&s->clients, client);
    ls_tracing_ended(s, client);
    ls_commons_recover(&s->shared->commons, client + 1);
    ls_accounting_close(s, client);
    ls_warden_orphan(s, client + 1);
    if (c->answered && s->stop < 2)
        linger(s, client);
    else
        ls_reaper_close(s, client);
}

static void side_ended(struct luaserve *s, int pid, const struct ls_death *death)
{
    ls_warden_ended(s, pid, death);
    ls_timetable_ended(s, pid);
}

/* Is it ours, whatever it has started with it? */
static bool is_ours(const struct luaserve *s, int pid)
{
    return s->mode->owns(s, pid) || pid == s->reload.pid ||
           ls_sides_find(&s->shared->sides, pid) >= 0;
}

static enum luaserve_worker kind_of(const struct luaserve *s, int pid)
{
    return s->mode->owns(s, pid)  ? LUASERVE_WORKER
           : pid == s->reload.pid ? LUASERVE_LOADER
                                  : LUASERVE_SIDE;
}

static uint64_t us_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static void tell_host(const struct luaserve *s, int pid, enum luaserve_worker kind,
                      const struct ls_death *death)
{
    const struct luaserve_ended ended = { .size = sizeof ended,
                                          .kind = kind,
                                          .pid = pid,
                                          .status = death->status,
                                          .user_us = us_of(death->usage.ru_utime),
                                          .system_us = us_of(death->usage.ru_stime),
                                          .peak_bytes = (uint64_t)death->usage.ru_maxrss << 10 };
    if (s->host.ended)
        s->host.ended(s->host.ended_user, &ended);
}

static void tell_end(struct luaserve *s, int pid, const struct ls_death *death)
{
    enum luaserve_worker kind = kind_of(s, pid);
    if (kind == LUASERVE_WORKER)
        s->mode->ended(s, pid, death);
    else if (!ls_reload_ended(s, pid, death->status))
        side_ended(s, pid, death);
    tell_host(s, pid, kind, death);
}

bool ls_reaper_reap(struct luaserve *s, int pid)
{
    siginfo_t info = { .si_signo = 0 };
    struct ls_death death = { .status = LOST };
    int err = ls_sys_waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);
    if (err == 0 && info.si_pid == 0)
        return false;
    /* Whatever it had started goes with it; now, since its number may be another's later. */
    if (err == 0 && is_ours(s, pid))
        ls_sys_kill(-pid, SIGKILL);
    if (err == 0)
        ls_sys_wait4(pid, &death.status, WNOHANG | __WALL, &death.usage);
    tell_end(s, pid, &death);
    return true;
}

void ls_reaper_run(struct luaserve *s)
{
    for (;;) {
        siginfo_t info = { .si_signo = 0 };
        if (ls_sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT, NULL) < 0 ||
            info.si_pid == 0)
            return;
        struct ls_death death;
        if (is_ours(s, info.si_pid))
            ls_sys_kill(-info.si_pid, SIGKILL);
        if (ls_sys_wait4(info.si_pid, &death.status, WNOHANG, &death.usage) != info.si_pid)
            return;
        tell_end(s, info.si_pid, &death);
    }
}
