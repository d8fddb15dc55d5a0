#include "server/pool.h"

#include <sys/mman.h>

#include "os/sys.h"

static size_t size_of(uint32_t max)
{
    return sizeof(struct ls_pool_shared) + (size_t)LS_POOL_PLACES * max * sizeof(uint64_t);
}

/* Most of it is never touched, and then is no memory. */
int ls_pool_map(struct ls_pool_shared **shared, uint32_t max)
{
    void *at = ls_sys_mmap(NULL, size_of(max), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int err = ls_sys_bad(at);
    *shared = err < 0 ? NULL : at;
    if (err == 0)
        (*shared)->max = max;
    return err;
}

void ls_pool_unmap(struct ls_pool_shared **shared)
{
    if (*shared)
        ls_sys_munmap(*shared, size_of((*shared)->max));
    *shared = NULL;
}

uint32_t ls_pool_count(const struct ls_pool_shared *shared)
{
    uint32_t count = 0, used = atomic_load(&shared->used);
    for (uint32_t i = 0; i < used; i++)
        count += atomic_load_explicit(&shared->crowds[i].count, memory_order_relaxed);
    return count;
}

static bool has_idle(const struct ls_pool_shared *shared, uint32_t place, uint64_t key)
{
    const _Atomic uint64_t *keys = &shared->keys[(size_t)place * shared->max];
    uint32_t top = atomic_load(&shared->crowds[place].top);
    if (atomic_load(&shared->crowds[place].idle) == 0)
        return false;
    for (uint32_t i = 0; key != 0 && i < top; i++)
        if (atomic_load(&keys[i]) == (key | LS_POOL_IDLE))
            return true;
    return key == 0;
}

bool ls_pool_idle_elsewhere(const struct ls_pool_shared *shared, uint32_t place, uint64_t key)
{
    for (uint32_t i = 0; i < atomic_load(&shared->used); i++)
        if (i != place && has_idle(shared, i, key))
            return true;
    return false;
}

static uint32_t count_at(const struct ls_pool_shared *shared, uint32_t place, uint64_t key)
{
    const _Atomic uint64_t *keys = &shared->keys[(size_t)place * shared->max];
    /* First who is coming: who no longer is has a key that `top` tells of. */
    uint32_t count = atomic_load(&shared->crowds[place].coming) == key;
    uint32_t top = atomic_load(&shared->crowds[place].top);
    for (uint32_t i = 0; i < top; i++)
        count += (atomic_load_explicit(&keys[i], memory_order_relaxed) & ~LS_POOL_IDLE) == key;
    return count;
}

uint32_t ls_pool_count_key(const struct ls_pool_shared *shared, uint64_t key)
{
    uint32_t count = 0;
    for (uint32_t place = 0; place < atomic_load(&shared->used); place++)
        count += count_at(shared, place, key);
    return count;
}

void ls_pool_clear(struct ls_pool_shared *shared, uint32_t place)
{
    struct ls_pool_crowd *crowd = &shared->crowds[place];
    atomic_store(&crowd->top, 0);
    atomic_store(&crowd->seats, 0);
    atomic_store(&crowd->coming, 0);
    atomic_store(&crowd->idle, 0);
    atomic_store(&crowd->count, 0);
    if (atomic_load(&shared->used) <= place)
        atomic_store(&shared->used, place + 1);
}

void ls_pool_ring(int bell)
{
    const uint64_t once = 1;
    if (bell >= 0)
        ls_sys_write(bell, &once, sizeof once);
}
