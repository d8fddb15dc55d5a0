/* Is the client of a long answer still reading? Known from what its side has acknowledged. */
#ifndef LS_SERVER_SENDING_H
#define LS_SERVER_SENDING_H

#include "exchange/site.h"

struct ls_sending {        /* all zero: nothing seen yet */
    uint64_t deadline;     /* µs: what we gave when we last looked; another one is a new write's */
    uint64_t from;         /* µs: when we first looked at this write … */
    uint64_t base;         /* … and the bytes that the client's side had acknowledged then */
    uint64_t acknowledged; /* at the last look … */
    uint64_t progress_at;  /* … and, in µs, when it last got on */
};

/* At the deadline of a write. Has the client taken something within the send time, and enough in all?
 * Then the write has until what is returned, in µs; 0: the client does not read. Where it cannot be
 * `counted` how much it took, that it went on at all is enough. */
uint64_t ls_sending_look(struct ls_sending *sending, const struct ls_site *site,
                         uint64_t send_timeout, bool counted, uint64_t acknowledged,
                         uint64_t deadline, uint64_t now);

#endif
