#include "server/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { FIRST = 64 };

static bool resize(void *array, size_t size, uint32_t cap)
{
    void **at = array;
    void *grown = realloc(*at, size * cap);
    if (grown)
        *at = grown;
    return grown != NULL;
}

static bool grow(struct ls_members *m)
{
    uint32_t cap = m->cap ? 2 * m->cap : FIRST;
    if (!resize(&m->all, sizeof *m->all, cap) || !resize(&m->due, sizeof *m->due, cap) ||
        !resize(&m->free, sizeof *m->free, cap) || !resize(&m->queue, 2 * sizeof *m->queue, cap))
        return false;
    for (uint32_t i = cap; i-- > m->cap;) { /* the lowest ones are taken first */
        m->all[i] = (struct ls_member) { .fd = -1 };
        m->due[i] = 0;
        m->free[m->free_count++] = i;
    }
    m->cap = cap;
    return true;
}

int64_t ls_members_add(struct ls_members *m, int fd)
{
    if (m->free_count == 0 && !grow(m))
        return -ENOMEM;
    uint32_t index = m->free[--m->free_count];
    bool queued = m->all[index].queued; /* of the one before: it still stands in the queue */
    m->all[index] = (struct ls_member) { .fd = fd, .queued = queued };
    m->due[index] = 0;
    m->count++;
    return index;
}

void ls_members_remove(struct ls_members *m, uint32_t index)
{
    m->all[index].fd = -1;
    m->all[index].seat = NULL;
    m->due[index] = 0;
    m->free[m->free_count++] = index;
    m->count--;
}

void ls_members_free(struct ls_members *m)
{
    free(m->all);
    free(m->due);
    free(m->free);
    free(m->queue);
    *m = (struct ls_members) { 0 };
}

void ls_members_enqueue(struct ls_members *m, uint32_t index)
{
    if (m->all[index].queued)
        return;
    m->all[index].queued = true;
    m->queue[m->queued++] = index;
}

void ls_members_take_turns(struct ls_members *m, void (*turn)(void *ctx, uint32_t index), void *ctx)
{
    uint32_t count = m->queued;
    if (count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = m->queue[i];
        m->all[index].queued = false;
        if (m->all[index].fd >= 0)
            turn(ctx, index);
    }
    m->queued -= count;
    memmove(m->queue, m->queue + count, m->queued * sizeof *m->queue);
}

void ls_members_set_due(struct ls_members *m, uint32_t index, uint64_t at)
{
    m->due[index] = at;
    m->next = ls_clock_sooner(m->next, at);
}

void ls_members_look(struct ls_members *m, uint64_t now, void (*late)(void *ctx, uint32_t index),
                     void *ctx)
{
    if (m->next == 0 || now < m->next)
        return;
    m->next = 0;
    for (uint32_t i = 0; i < m->cap; i++) {
        if (m->due[i] == 0)
            continue;
        if (m->due[i] <= now) {
            late(ctx, i);
            if (m->due[i] > 0 && m->due[i] <= now) /* nothing came of it: not again at once */
                m->due[i] = now + 1000;
        }
        m->next = ls_clock_sooner(m->next, m->due[i]);
    }
}
