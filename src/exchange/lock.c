#include "exchange/lock.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>

#include "os/sys.h"

#define AWAITED (1u << 31) /* somebody sleeps until the lock is given back, or is about to */

static void wake(struct ls_lock *lock, uint32_t most)
{
    ls_sys_futex((uint32_t *)&lock->word, FUTEX_WAKE, most, NULL, NULL, 0);
}

/* Whoever has slept cannot know whether others still do: it takes the lock as one that is awaited. */
static void wait_for(struct ls_lock *lock, uint32_t number)
{
    uint32_t word = atomic_load(&lock->word);
    for (;;) {
        if (word == 0) {
            if (atomic_compare_exchange_weak(&lock->word, &word, number | AWAITED))
                return;
        } else if ((word & AWAITED) ||
                   atomic_compare_exchange_weak(&lock->word, &word, word | AWAITED)) {
            ls_sys_futex((uint32_t *)&lock->word, FUTEX_WAIT, word | AWAITED, NULL, NULL, 0);
            word = atomic_load(&lock->word);
        }
    }
}

void ls_lock_take(struct ls_lock *lock, struct ls_holder *self, uint32_t number, uint64_t name)
{
    uint32_t open = 0;
    atomic_store(&self->at, name);
    if (!atomic_compare_exchange_strong(&lock->word, &open, number))
        wait_for(lock, number);
}

void ls_lock_give(struct ls_lock *lock, struct ls_holder *self, uint32_t number)
{
    (void)number;
    if (atomic_exchange(&lock->word, 0) & AWAITED)
        wake(lock, 1);
    atomic_store(&self->at, 0); /* only now: a death before the wake is seen by the note */
}

bool ls_lock_was_held(const struct ls_lock *lock, uint32_t number)
{
    return (atomic_load(&lock->word) & ~AWAITED) == number;
}

void ls_lock_release(struct ls_lock *lock, struct ls_holder *dead, uint32_t number)
{
    if (ls_lock_was_held(lock, number))
        atomic_store(&lock->word, 0);
    wake(lock, INT_MAX);
    atomic_store(&dead->at, 0);
}
