/* What the supervisor and all its workers see, in memory that they share.
 *
 * A process has a slot, and the number that is one more than the slot's index (exchange/kin.h): clients, or
 * in mode "pool" the places of workers, come first; then side processes (sides.h). */
#ifndef LS_SERVER_SHARED_H
#define LS_SERVER_SHARED_H

#include "exchange/commons.h"
#include "exchange/account.h"
#include "exchange/schedules.h"
#include "exchange/slot.h"
#include "server/births.h"
#include "server/sides.h"

struct ls_shared {
    _Atomic uint32_t tls_told;    /* see struct ls_site */
    _Atomic uint32_t secret_told; /* the same */
    _Atomic uint32_t newest;      /* generation; 0: the server stops */
    _Atomic uint32_t log_age;     /* counts how often the log was to be opened again */
    struct ls_commons commons;    /* which is not changed any more */
    struct ls_sides sides;
    struct ls_roster roster;
    struct ls_births births;
    struct ls_account *accounts; /* of the connections: see ls_mode.accounts */
    size_t size;                 /* bytes of it all */
    uint32_t count;              /* of slots */
    struct ls_slot slots[];
};

struct ls_shared_sizes {
    uint32_t workers; /* slots for clients, or for places of workers */
    uint32_t sides;   /* for side processes */
    uint64_t accounts;
    uint32_t cards; /* for clients who have no slot of their own; 0: all have one */
    size_t ring;    /* bytes of a channel */
    size_t store;   /* bytes of the shared dictionaries */
};

int ls_shared_map(struct ls_shared **shared, const struct ls_shared_sizes *sizes); /* 0 or -errno */
void ls_shared_unmap(struct ls_shared **shared);

static inline uint32_t ls_shared_number(const struct ls_shared *shared, const struct ls_slot *slot)
{
    return (uint32_t)(slot - shared->slots) + 1;
}

#endif
