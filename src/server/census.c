#include "server/census.h"

#include <errno.h>
#include <string.h>

#include "os/own.h"

/* 0: an address that is not counted. */
static struct ls_census_entry who(const struct ls_address *address)
{
    struct ls_census_entry e = { .family = address->name.any.sa_family };
    if (e.family == AF_INET)
        e.key = address->name.ip4.sin_addr.s_addr;
    else if (e.family == AF_INET6)
        memcpy(&e.key, &address->name.ip6.sin6_addr, sizeof e.key);
    else
        e.family = 0;
    return e;
}

uint64_t ls_census_key(const struct ls_address *address)
{
    struct ls_census_entry e = who(address);
    uint64_t key = e.key ^ (uint64_t)e.family << 56;
    return e.family == 0 ? 0 : key == 0 ? 1 : key;
}

static uint32_t home(const struct ls_census *c, const struct ls_census_entry *e)
{
    uint64_t mixed = (e->key ^ e->family) * 0x9e3779b97f4a7c15u; /* Fibonacci hashing */
    return (uint32_t)(mixed >> 32) & (c->cap - 1);
}

static uint32_t after(const struct ls_census *c, uint32_t at)
{
    return (at + 1) & (c->cap - 1);
}

/* Where it stands, or the free place where it would. */
static uint32_t find(const struct ls_census *c, const struct ls_census_entry *e)
{
    uint32_t at = home(c, e);
    while (c->entries[at].count > 0 &&
           (c->entries[at].key != e->key || c->entries[at].family != e->family))
        at = after(c, at);
    return at;
}

int ls_census_init(struct ls_census *c, uint32_t max)
{
    *c = (struct ls_census) { .cap = 64 };
    while (c->cap < 2 * max)
        c->cap *= 2;
    c->entries = ls_own_new(c->cap * sizeof *c->entries);
    return c->entries ? 0 : -ENOMEM;
}

void ls_census_free(struct ls_census *c)
{
    ls_own_free(c->entries, c->cap * sizeof *c->entries);
    *c = (struct ls_census) { NULL, 0 };
}

uint32_t ls_census_count(const struct ls_census *c, const struct ls_address *address)
{
    struct ls_census_entry e = who(address);
    return e.family ? c->entries[find(c, &e)].count : 0;
}

void ls_census_add(struct ls_census *c, const struct ls_address *address)
{
    struct ls_census_entry e = who(address);
    if (!e.family)
        return;
    uint32_t at = find(c, &e);
    e.count = c->entries[at].count + 1;
    c->entries[at] = e;
}

/* Whoever stands behind a place that has become free, and would have taken it, moves there. */
static void close_gap(struct ls_census *c, uint32_t gap)
{
    for (uint32_t at = after(c, gap); c->entries[at].count > 0; at = after(c, at)) {
        uint32_t from_home = (at - home(c, &c->entries[at])) & (c->cap - 1);
        if (from_home < ((at - gap) & (c->cap - 1)))
            continue;
        c->entries[gap] = c->entries[at];
        c->entries[at].count = 0;
        gap = at;
    }
}

void ls_census_remove(struct ls_census *c, const struct ls_address *address)
{
    struct ls_census_entry e = who(address);
    if (!e.family)
        return;
    uint32_t at = find(c, &e);
    if (c->entries[at].count > 0 && --c->entries[at].count == 0)
        close_gap(c, at);
}

bool ls_census_same(const struct ls_address *a, const struct ls_address *b)
{
    struct ls_census_entry one = who(a), other = who(b);
    return one.family && one.family == other.family && one.key == other.key;
}
