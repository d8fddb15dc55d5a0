/* A lock in memory that processes share, which outlives whoever dies in it.
 *
 * Each process that may take locks has a number and a note in shared memory, given by its parent before the
 * fork and taken back by whoever reaps it. A process takes one lock at a time, and says in its note which
 * before it tries. So the one that reaps it, even after kill -9 at any instruction, knows which lock it may
 * have held or may have been waiting for, undoes what was half done, and wakes whoever waits. Process ids
 * are of no use for that: they recycle, and zombies answer. A number is given to another process only after
 * that, so it needs no generation beside it. */
#ifndef LS_EXCHANGE_LOCK_H
#define LS_EXCHANGE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ls_lock {
    _Atomic uint32_t word; /* futex: 0 free, else the holder's number, with LS_LOCK_AWAITED */
};

enum { LS_LOCK_HOLDERS = 1 << 20 }; /* numbers are from 1 to this less 1 */
#define LS_LOCK_AWAITED 0x80000000u /* somebody may sleep until it is free */

struct ls_holder {       /* in shared memory: a process that may take locks */
    _Atomic uint64_t at; /* which lock it takes, holds or gives back: any name that the owner of the
                            locks has for it; 0: none */
};

/* Takes the lock for the process with that number and note; `name` is what the note says meanwhile
 * (not 0). Waits as long as it takes. Never while another lock is held. */
void ls_lock_take(struct ls_lock *lock, struct ls_holder *self, uint32_t number, uint64_t name);
void ls_lock_give(struct ls_lock *lock, struct ls_holder *self, uint32_t number);

/* After the process with that number was reaped (or, by its parent, when it is known to be dead) and its
 * note named this lock: did it hold it? Then the caller mends what the lock protects. Either way
 * ls_lock_release follows, which wakes everybody who waits. */
bool ls_lock_was_held(const struct ls_lock *lock, uint32_t number);
void ls_lock_release(struct ls_lock *lock, struct ls_holder *dead, uint32_t number);

#endif
