/* How one process wakes another that waits for descriptors: a signal that is blocked there, and makes a
 * descriptor readable (signalfd(2)). So it needs no descriptor of the other's; a ring that comes before the wait
 * is not lost, and many that come together are one. The signal is one that does nothing by default: a process
 * that has no bell, or a stranger with a recycled number, does not notice.
 *
 * It is sent by kill(2), which needs no room in a queue: what a signal carries may be lost when a user has too
 * many of them pending, the signal itself not. Programs that a handler starts inherit that it is blocked. */
#ifndef LS_OS_BELL_H
#define LS_OS_BELL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum { LS_BELL_SIGNAL = SIGWINCH };

struct ls_bell {
    int fd; /* readable once it was rung; -1: not open */
    _Atomic uint32_t
        *rung; /* set to 0 when it is silenced, before anybody looks what it was for; NULL */
};

/* The signals that stay blocked while others are let in for a wait, as a mask for ppoll. */
#define LS_BELL_MASK (1ull << (LS_BELL_SIGNAL - 1))

/* From now on this process can be rung. 0 or -errno; an open bell stays. */
int ls_bell_open(struct ls_bell *bell);
void ls_bell_close(struct ls_bell *bell);
bool ls_bell_silence(const struct ls_bell *bell); /* what was rung so far is forgotten: was it? */

void ls_bell_ring(int pid);

#endif
