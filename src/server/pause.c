#include "server/pause.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/worker.h"

/* With the interrupt blocked up to the wait itself, none can slip in between. */
int ls_pause(const struct ls_lua *lua, int fd, short events, uint64_t until)
{
    const uint64_t blocked = 1ull << (LS_INTERRUPT_SIGNAL - 1), open = 0;
    int ready = 0;
    ls_sys_rt_sigprocmask(SIG_BLOCK, &blocked, NULL);
    uint64_t now = ls_clock_us();
    if (lua->interrupted) {
        ready = -EINTR;
    } else if (now < until) {
        struct timespec left = { (time_t)((until - now) / 1000000),
                                 (long)((until - now) % 1000000 * 1000) };
        struct pollfd client = { .fd = fd, .events = events };
        ready = ls_sys_ppoll(&client, 1, &left, &open);
    }
    ls_sys_rt_sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    return ready;
}
