/* What the supervisor and all its workers see, in memory that they share. */
#ifndef LS_SERVER_SHARED_H
#define LS_SERVER_SHARED_H

#include "exchange/slot.h"

struct ls_shared {
    _Atomic uint32_t tls_told;    /* see struct ls_site */
    _Atomic uint32_t secret_told; /* the same */
    _Atomic uint32_t newest;      /* generation; 0: the server stops */
    _Atomic uint32_t log_age;     /* counts how often the log was to be opened again */
    uint32_t count;               /* of slots */
    struct ls_slot slots[];
};

int ls_shared_map(struct ls_shared **shared, uint32_t slots); /* 0 or -errno */
void ls_shared_unmap(struct ls_shared **shared);

#endif
