/* What the handler of a live connection waits for: sockets, time, and the news that others have for this
 * process (a message of a channel; that the server stops). */
#ifndef LS_EXCHANGE_EVENTS_H
#define LS_EXCHANGE_EVENTS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    LS_EVENTS_SOCKETS = 18,
    LS_EVENTS_OWN = 3 /* of these are for what the handler has not named */
};

struct ls_events {
    struct pollfd all[LS_EVENTS_SOCKETS]; /* revents are there once it is over */
    uint32_t count;
    uint64_t until; /* µs of ls_clock_us; 0: no end */
    bool refused;   /* one of them cannot be waited for */
    bool finishing; /* what was begun is to be written: it waits also while the server stops */
};

static inline void ls_events_add(struct ls_events *events, int fd, int what)
{
    if (fd >= 0 && events->count < LS_EVENTS_SOCKETS)
        events->all[events->count++] = (struct pollfd) { .fd = fd, .events = (short)what };
}

#endif
