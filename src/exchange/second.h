/* The second process of a client, for a handler that reads in one and writes in the other. */
#ifndef LS_EXCHANGE_SECOND_H
#define LS_EXCHANGE_SECOND_H

#include <stddef.h>
#include <stdint.h>

enum { LS_SECOND_KEEPS = 16 }; /* descriptors */

enum ls_second_end {
    LS_SECOND_DONE,  /* it has come to its end */
    LS_SECOND_DYING, /* it has let go of its descriptors, without a word */
    LS_SECOND_KILL   /* it is to end */
};

struct ls_second {
    int news; /* a pipe of packets: the second one writes, the first one reads; its end is the other's end */
    int pidfd;      /* of the second one, in the first */
    uint32_t place; /* the driver's own */
    uint64_t ticket;
    /* Descriptors beside the client's that the second one keeps, where it does not keep all. */
    int keep[LS_SECOND_KEEPS + 2];
    size_t kept;
};

#endif
