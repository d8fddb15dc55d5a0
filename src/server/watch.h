/* A handler's time, wall and CPU, as the supervisor sees it from outside. One that takes too long is
 * interrupted, and gets a while to end. */
#ifndef LS_SERVER_WATCH_H
#define LS_SERVER_WATCH_H

#include "server/self.h"

enum {
    LS_WATCH_RESOLUTION = 10000, /* µs: how often the supervisor looks at most */
    LS_WATCH_GRACE = 1000000     /* µs from an interrupt, or a lost client, to the kill */
};

struct ls_watch {         /* all zero: nothing seen yet */
    uint64_t interrupted; /* the deadline for which we interrupted */
    uint64_t kill_at;     /* µs: when patience ends */
    uint64_t
        computing; /* the deadline of the stretch whose CPU time we count: tells one from another */
    uint64_t base; /* µs of CPU time that the process had when we first saw it */
};

/* The process `pid`, whose slot said `word`, in phase HANDLER, and `deadline`. `self` goes with the interrupt. When to look again, in µs; <= now: it was
 * interrupted, and has not ended in time. */
uint64_t ls_watch_look(struct ls_watch *w, struct ls_slot *slot, int pid, struct ls_self *self,
                       uint64_t word, uint64_t deadline, uint64_t now);

#endif
