/* The supervisor's book of its clients: one entry a client, beside its slot in shared memory. Workers
 * don't have it. */
#ifndef LS_SERVER_CLIENTS_H
#define LS_SERVER_CLIENTS_H

#include "exchange/engine.h"
#include "exchange/metrics.h"
#include "os/fds.h"
#include "os/net.h"
#include "server/sending.h"
#include "server/watch.h"

struct ls_client {
    int fd;  /* our copy of its socket, kept until the worker is reaped and longer; -1: free */
    int pid; /* of its worker; 0: reaped */
    uint32_t generation;  /* that its worker was forked with */
    struct ls_self *self; /* of its worker, in that process */
    uint64_t number;      /* from 1 */
    uint32_t service;     /* 0: HTTP; others would not understand an answer of ours */
    struct ls_address peer;
    bool answered;         /* we wrote an answer: the client may still be sending */
    uint64_t sent_before;  /* then: bytes that had been sent before it */
    const char *why;       /* we killed its worker; NULL: we did not */
    enum ls_cause cause;   /* the same, for what counts deaths */
    enum ls_phase phase;   /* what it was at then */
    bool cut;              /* the connection is to end with a reset */
    bool deaf;             /* we have shut it down for reading: it looks as if it had ended */
    bool ending;           /* its worker is about to exit, or has been told to */
    int entry;             /* of the ring, where its worker finds its socket */
    uint32_t ring;         /* where its worker records: see tracing.h */
    struct ls_watch watch; /* over its handler */
    uint64_t kill_at;      /* µs: when patience with the worker, which is ending, ends */
    bool watched;          /* its socket is in the supervisor's epoll set */
    uint64_t linger_until; /* µs: set once only its input is awaited; 0: not yet */
    struct ls_sending sending;
    uint32_t position; /* in `active` */
};

struct ls_clients {
    struct ls_client *all;
    uint32_t *active; /* indexes of clients, the first `count`; behind them the free ones */
    uint32_t count, max;
    uint64_t served;           /* clients so far */
    int64_t ring[LS_FDS_RING]; /* whose socket stands in which entry of the ring; -1: nobody's */
    struct ls_slot *slots;     /* one each, in shared memory; of who made it */
    int32_t *by_pid;           /* open addressing: index of the client, -1 free, -2 was used */
    uint32_t pid_cap;          /* a power of two */
};

/* Room for `max`, whose slots those are. 0 or -ENOMEM. */
int ls_clients_init(struct ls_clients *c, uint32_t max, struct ls_slot *slots);
void ls_clients_free(struct ls_clients *c);

/* A free entry with a fresh slot; never called when count == max. */
uint32_t ls_clients_add(struct ls_clients *c, int fd, const struct ls_address *peer);
void ls_clients_remove(struct ls_clients *c, uint32_t index);
void ls_clients_set_pid(struct ls_clients *c, uint32_t index, int pid);
void ls_clients_unset_pid(struct ls_clients *c, uint32_t index);

/* The client served by that process; -1: none of ours. */
int64_t ls_clients_find(const struct ls_clients *c, int pid);

static inline struct ls_slot *ls_clients_slot(const struct ls_clients *c, uint32_t index)
{
    return &c->slots[index];
}

#endif
