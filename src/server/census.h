/* How many clients each address has. An IPv6 address counts by its first 64 bits, which is what one
 * household or machine has; clients of Unix sockets are not counted. */
#ifndef LS_SERVER_CENSUS_H
#define LS_SERVER_CENSUS_H

#include "os/net.h"

struct ls_census {
    struct ls_census_entry {
        uint64_t key;
        uint32_t family, count; /* count 0: free */
    } * entries;
    uint32_t cap; /* a power of two */
};

/* Room for `max` clients at a time. 0 or -ENOMEM. */
int ls_census_init(struct ls_census *c, uint32_t max);
void ls_census_free(struct ls_census *c);

uint32_t ls_census_count(const struct ls_census *c, const struct ls_address *address);
void ls_census_add(struct ls_census *c, const struct ls_address *address);
void ls_census_remove(struct ls_census *c, const struct ls_address *address);

/* The same for the same address, and hardly ever for another; 0: not counted. */
uint64_t ls_census_key(const struct ls_address *address);

/* Do the two count as one? */
bool ls_census_same(const struct ls_address *a, const struct ls_address *b);

#endif
