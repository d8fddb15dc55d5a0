#include "os/bell.h"

#include <stdatomic.h>
#include <sys/eventfd.h>

#include "os/sys.h"

static void on_ring(int signal, siginfo_t *info, void *context)
{
    const uint64_t once = 1;
    const struct ls_bell *bell = info->si_value.sival_ptr;
    (void)signal, (void)context;
    if (info->si_code == SI_QUEUE && bell) /* and not because a window has changed */
        ls_sys_write(bell->fd, &once, sizeof once);
}

int ls_bell_open(struct ls_bell *bell)
{
    if (bell->fd >= 0)
        return 0;
    int fd = ls_sys_eventfd2(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return fd;
    bell->fd = fd;
    return ls_sys_on_signal(LS_BELL_SIGNAL, on_ring, SA_RESTART);
}

void ls_bell_close(struct ls_bell *bell)
{
    if (bell->fd >= 0)
        ls_sys_close(bell->fd);
    bell->fd = -1;
}

void ls_bell_silence(const struct ls_bell *bell)
{
    uint64_t rings;
    if (bell->fd >= 0)
        ls_sys_read(bell->fd, &rings, sizeof rings);
    if (bell->rung)
        atomic_store(bell->rung, 0);
}

void ls_bell_ring(int pid, struct ls_bell *bell)
{
    siginfo_t info = { .si_signo = LS_BELL_SIGNAL, .si_code = SI_QUEUE };
    info.si_pid = ls_sys_getpid();
    info.si_value.sival_ptr = bell;
    ls_sys_rt_sigqueueinfo(pid, LS_BELL_SIGNAL, &info);
}
