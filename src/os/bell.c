#include "os/bell.h"

#include <stdatomic.h>
#include <sys/signalfd.h>

#include "os/sys.h"

int ls_bell_open(struct ls_bell *bell)
{
    const uint64_t mask = LS_BELL_MASK;
    if (bell->fd >= 0)
        return 0;
    int fd = ls_sys_signalfd4(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return fd;
    bell->fd = fd;
    return ls_sys_rt_sigprocmask(SIG_BLOCK, &mask, NULL);
}

void ls_bell_close(struct ls_bell *bell)
{
    if (bell->fd >= 0)
        ls_sys_close(bell->fd);
    bell->fd = -1;
}

bool ls_bell_silence(const struct ls_bell *bell)
{
    struct signalfd_siginfo ring;
    bool was = bell->fd >= 0 && ls_sys_read(bell->fd, &ring, sizeof ring) > 0;
    if (bell->rung)
        atomic_store(bell->rung, 0);
    return was;
}

void ls_bell_ring(int pid)
{
    ls_sys_kill(pid, LS_BELL_SIGNAL);
}
