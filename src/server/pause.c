#include "server/pause.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/worker.h"

static int wait_until(struct pollfd *fds, unsigned count, uint64_t until, const uint64_t *mask)
{
    uint64_t now = ls_clock_us();
    uint64_t left = until == 0 ? 0 : until > now ? until - now : 0;
    struct timespec time = { (time_t)(left / 1000000), (long)(left % 1000000 * 1000) };
    return ls_sys_ppoll(fds, count, until == 0 ? NULL : &time, mask);
}

/* With the interrupt blocked up to the wait itself, none can slip in between. */
static int interruptible(const struct ls_lua *lua, struct pollfd *fds, unsigned count,
                         uint64_t until)
{
    const uint64_t blocked = 1ull << (LS_INTERRUPT_SIGNAL - 1), open = LS_BELL_MASK;
    ls_sys_rt_sigprocmask(SIG_BLOCK, &blocked, NULL);
    int ready = lua->interrupted ? -EINTR : wait_until(fds, count, until, &open);
    ls_sys_rt_sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    return ready;
}

int ls_pause(const struct ls_lua *lua, int fd, short events, uint64_t until)
{
    struct pollfd client = { .fd = fd, .events = events };
    return ls_clock_us() < until || lua->interrupted ? interruptible(lua, &client, 1, until) : 0;
}

int ls_pause_events(const struct ls_engine *e, const struct ls_lua *lua, struct ls_bell *bell)
{
    struct ls_events *events = e->need.events;
    struct pollfd all[LS_EVENTS_SOCKETS + 1];
    int err = ls_bell_open(bell);
    if (err < 0)
        return err;
    memcpy(all, events->all, events->count * sizeof *all);
    all[events->count] = (struct pollfd) { .fd = bell->fd, .events = POLLIN };
    if (!ls_site_stops(e->site) || !e->streaming || events->finishing) {
        err = e->streaming ? wait_until(all, events->count + 1, events->until, NULL)
                           : interruptible(lua, all, events->count + 1, events->until);
        if (err > 0 && all[events->count].revents)
            ls_bell_silence(bell);
    }
    memcpy(events->all, all, events->count * sizeof *all);
    return err == -EINTR && lua->interrupted ? -EINTR : err < 0 && err != -EINTR ? err : 0;
}
