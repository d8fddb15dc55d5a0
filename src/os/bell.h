/* How one process wakes another that waits for descriptors: a signal, which the one that is woken turns
 * into something to be read. So it needs no descriptor of the other's, and a ring that comes before the wait
 * is not lost. The signal is one that does nothing by default: a process that has no bell, or a stranger
 * with a recycled number, does not notice. */
#ifndef LS_OS_BELL_H
#define LS_OS_BELL_H

#include <signal.h>
#include <stdint.h>

enum { LS_BELL_SIGNAL = SIGWINCH };

struct ls_bell {
    int fd; /* an eventfd: readable once it was rung; -1: not open */
    _Atomic uint32_t
        *rung; /* set to 0 when it is silenced, before anybody looks what it was for; NULL */
};

/* From now on this process can be rung. 0 or -errno; an open bell stays. */
int ls_bell_open(struct ls_bell *bell);
void ls_bell_close(struct ls_bell *bell);
void ls_bell_silence(const struct ls_bell *bell); /* what was rung so far is forgotten */

/* `bell` as it is called in the process `pid`. */
void ls_bell_ring(int pid, struct ls_bell *bell);

#endif
