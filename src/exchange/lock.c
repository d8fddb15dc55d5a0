#include "exchange/lock.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>

#include "os/sys.h"

static const uint32_t AWAITED = LS_LOCK_AWAITED;

/* Not FUTEX_PRIVATE: the processes share the memory and nothing else. */
static void wake(struct ls_lock *lock, uint32_t most)
{
    ls_sys_futex((uint32_t *)&lock->word, FUTEX_WAKE, most, NULL, NULL, 0);
}

/* Whoever had to wait takes the lock as an awaited one: there may be others who wait, and nobody
 * counts them. One wake too many is the price. */
static void wait_for(struct ls_lock *lock, uint32_t number)
{
    for (;;) {
        uint32_t word = 0;
        if (atomic_compare_exchange_strong(&lock->word, &word, number | AWAITED))
            return;
        if (!(word & AWAITED) &&
            !atomic_compare_exchange_strong(&lock->word, &word, word | AWAITED))
            continue;
        ls_sys_futex((uint32_t *)&lock->word, FUTEX_WAIT, word | AWAITED, NULL, NULL, 0);
    }
}

void ls_lock_take(struct ls_lock *lock, struct ls_holder *self, uint32_t number, uint64_t name)
{
    uint32_t word = 0;
    atomic_store_explicit(&self->at, name, memory_order_release); /* before the first attempt */
    if (!atomic_compare_exchange_strong(&lock->word, &word, number))
        wait_for(lock, number);
}

void ls_lock_give(struct ls_lock *lock, struct ls_holder *self, uint32_t number)
{
    (void)number;
    if (atomic_exchange(&lock->word, 0) & AWAITED)
        wake(lock, 1);
    /* Only now: of a death before the wake the note has to tell, or nobody is woken. */
    atomic_store_explicit(&self->at, 0, memory_order_release);
}

bool ls_lock_was_held(const struct ls_lock *lock, uint32_t number)
{
    return (atomic_load(&lock->word) & ~AWAITED) == number;
}

void ls_lock_release(struct ls_lock *lock, struct ls_holder *dead, uint32_t number)
{
    if (ls_lock_was_held(lock, number))
        atomic_store(&lock->word, 0);
    /* All: the dead may have been the one that was woken, or the one that had to wake. */
    wake(lock, INT_MAX);
    atomic_store(&dead->at, 0);
}
