#include "server/clients.h"

#include <errno.h>
#include <string.h>

#include "os/own.h"

enum { FREE = -1, LEFT = -2 };

static uint32_t pid_slot(const struct ls_clients *c, int pid)
{
    return (uint32_t)pid * 2654435761u >> (__builtin_clz(c->pid_cap) + 1); /* Fibonacci hashing */
}

static void all_free(struct ls_clients *c)
{
    for (uint32_t i = 0; i < c->max; i++) {
        c->all[i].fd = -1;
        c->active[i] = i;
    }
    for (uint32_t i = 0; i < c->pid_cap; i++)
        c->by_pid[i] = FREE;
    for (int i = 0; i < LS_FDS_RING; i++)
        c->ring[i] = -1;
}

int ls_clients_init(struct ls_clients *c, uint32_t max, struct ls_slot *slots)
{
    *c = (struct ls_clients) { .max = max, .slots = slots, .pid_cap = 64 };
    while (c->pid_cap < 4 * max)
        c->pid_cap *= 2;
    c->all = ls_own_new(max * sizeof *c->all);
    c->active = ls_own_new(max * sizeof *c->active);
    c->by_pid = ls_own_new(c->pid_cap * sizeof *c->by_pid);
    if (!c->all || !c->active || !c->by_pid) {
        ls_clients_free(c);
        return -ENOMEM;
    }
    all_free(c);
    return 0;
}

void ls_clients_free(struct ls_clients *c)
{
    ls_own_free(c->all, c->max * sizeof *c->all);
    ls_own_free(c->active, c->max * sizeof *c->active);
    ls_own_free(c->by_pid, c->pid_cap * sizeof *c->by_pid);
    *c = (struct ls_clients) { 0 };
}

static void fresh_slot(struct ls_slot *slot, uint64_t number)
{
    memset(slot, 0, sizeof *slot);
    slot->client = number;
    atomic_store(&slot->word, ls_slot_word(0, LS_PHASE_START));
}

uint32_t ls_clients_add(struct ls_clients *c, int fd, const struct ls_address *peer)
{
    uint32_t position = c->count++, index = c->active[position];
    c->all[index] = (struct ls_client) {
        .fd = fd, .number = ++c->served, .peer = *peer, .entry = -1, .position = position
    };
    fresh_slot(ls_clients_slot(c, index), c->served);
    return index;
}

void ls_clients_remove(struct ls_clients *c, uint32_t index)
{
    uint32_t position = c->all[index].position, last = --c->count;
    uint32_t moved = c->active[last];
    c->active[position] = moved;
    c->all[moved].position = position;
    c->active[last] = index;
    c->all[index].fd = -1;
    atomic_store(&ls_clients_slot(c, index)->word, ls_slot_word(0, LS_PHASE_FREE));
}

void ls_clients_set_pid(struct ls_clients *c, uint32_t index, int pid)
{
    uint32_t at = pid_slot(c, pid);
    while (c->by_pid[at] >= 0)
        at = (at + 1) & (c->pid_cap - 1);
    c->by_pid[at] = (int32_t)index;
    c->all[index].pid = pid;
    ls_clients_slot(c, index)->pid = pid;
}

/* Position of the pid in the table; -1: it is not there. */
static int64_t pid_position(const struct ls_clients *c, int pid)
{
    uint32_t at = pid_slot(c, pid);
    for (uint32_t n = 0; n < c->pid_cap && c->by_pid[at] != FREE; n++) {
        if (c->by_pid[at] >= 0 && c->all[c->by_pid[at]].pid == pid)
            return at;
        at = (at + 1) & (c->pid_cap - 1);
    }
    return -1;
}

int64_t ls_clients_find(const struct ls_clients *c, int pid)
{
    int64_t at = pid_position(c, pid);
    return at < 0 ? -1 : c->by_pid[at];
}

/* Entries that were left behind are free again once the one after them is. */
static void tidy(struct ls_clients *c, uint32_t at)
{
    uint32_t mask = c->pid_cap - 1;
    if (c->by_pid[(at + 1) & mask] != FREE)
        return;
    while (c->by_pid[at] == LEFT) {
        c->by_pid[at] = FREE;
        at = (at - 1) & mask;
    }
}

void ls_clients_unset_pid(struct ls_clients *c, uint32_t index)
{
    int64_t at = pid_position(c, c->all[index].pid);
    c->all[index].pid = 0;
    ls_clients_slot(c, index)->pid = 0;
    if (at < 0)
        return;
    c->by_pid[at] = LEFT;
    tidy(c, (uint32_t)at);
}
