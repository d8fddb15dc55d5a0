/* The processes of a server that share memory: for each its number, whether it can be woken, and what it
 * holds. The numbers are from 1: those of the slots, one more than the slot's index.
 *
 * A process is known here from its first use of shared memory until whoever reaps it has tidied up. */
#ifndef LS_EXCHANGE_KIN_H
#define LS_EXCHANGE_KIN_H

#include <stdalign.h>

#include "exchange/lock.h"
#include "os/bell.h"

struct ls_kin {
    alignas(64) struct ls_holder holder;
    _Atomic int32_t pid; /* to be rung; 0: it waits for nothing */
    _Atomic uint32_t
        rung; /* == pid: a ring is under way, or was not looked at yet; set to 0 before the
                                    look. A late ring for whoever had the number before leaves another pid */
    _Atomic uint32_t subscribes; /* 1: it has, or had, subscriptions */
    _Atomic uint32_t publishes; /* 1 and more: it is about to wake who subscribes to that channel */
};

/* Rings that process, unless it was rung and has not looked yet. */
static inline void ls_kin_ring(struct ls_kin *kin)
{
    int pid = atomic_load(&kin->pid);
    if (pid > 0 && atomic_exchange(&kin->rung, (uint32_t)pid) != (uint32_t)pid)
        ls_bell_ring(pid);
}

/* In any case: who has noted that it rang may have died before it did. */
static inline void ls_kin_ring_again(struct ls_kin *kin)
{
    atomic_store(&kin->rung, 0);
    ls_kin_ring(kin);
}

#endif
