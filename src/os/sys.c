#include "os/sys.h"

#define SA_RESTORER 0x04000000 /* <asm/signal.h>, which cannot stand beside <signal.h> */

void ls_sys_restorer(void) __attribute__((visibility("hidden"))); /* asm/sys.asm; not callable */

int ls_sys_on_signal(int signal, void (*handler)(int, siginfo_t *, void *), unsigned long flags)
{
    const struct ls_sigaction action = {
        .handler = handler,
        .flags = flags | SA_SIGINFO | SA_RESTORER, /* x86-64 kernels take no handler without it */
        .restorer = ls_sys_restorer,
    };
    return ls_sys_rt_sigaction(signal, &action, NULL);
}
