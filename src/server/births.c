#include "server/births.h"

#include <errno.h>
#include <stdbool.h>

static void raise_top(struct ls_births *b, uint32_t top)
{
    uint32_t now = atomic_load(&b->top);
    while (now < top && !atomic_compare_exchange_weak(&b->top, &now, top))
        ;
}

int64_t ls_births_claim(struct ls_births *b, uint32_t owner)
{
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t nobody = 0;
        raise_top(b, i + 1); /* first: whoever dies in the middle is looked for */
        if (atomic_compare_exchange_strong(&b->all[i].owner, &nobody, owner))
            return i;
    }
    return -EAGAIN;
}

void ls_births_tell(struct ls_births *b, uint32_t index)
{
    atomic_store(&b->all[index].told, 1);
}

void ls_births_cancel(struct ls_births *b, uint32_t index)
{
    struct ls_birth *birth = &b->all[index];
    atomic_store(&birth->pid, 0);
    atomic_store(&birth->told, 0);
    atomic_store(&birth->owner, 0); /* last: then it is another's */
}

void ls_births_take(struct ls_births *b, uint32_t owner, void (*each)(void *ctx, int pid),
                    void *ctx)
{
    for (uint32_t i = 0; i < b->count && i < atomic_load(&b->top); i++) {
        struct ls_birth *birth = &b->all[i];
        uint32_t its = atomic_load(&birth->owner);
        if (its == 0 || (!atomic_load(&birth->told) && its != owner))
            continue;
        int pid = atomic_load(&birth->pid);
        ls_births_cancel(b, i);
        if (pid > 0)
            each(ctx, pid);
    }
}
