/* Those who do not get in: answered 503, and left a while to read it, since a close while their request
 * is still on the way would be a reset, which overtakes the answer. */
#ifndef LS_SERVER_STRANGERS_H
#define LS_SERVER_STRANGERS_H

#include "base/log.h"

enum { LS_STRANGERS = 64 }; /* that are left a while at a time */

struct ls_strangers {     /* all zero: nobody */
    uint64_t told_at;     /* µs: when the log was last told that somebody was turned away … */
    uint64_t turned_away; /* … and how many have been since */
    struct ls_stranger {
        int fd;
        uint64_t until; /* µs */
    } all[LS_STRANGERS];
    uint32_t first, count; /* in turn, the first one is the oldest */
};

/* Takes over the socket. `id`: 16 characters. */
void ls_strangers_turn_away(struct ls_strangers *s, int fd, const char *id,
                            const struct ls_log *log);

/* When to look again, in µs; 0: no need. */
uint64_t ls_strangers_look(struct ls_strangers *s, uint64_t now, const struct ls_log *log);

void ls_strangers_close(struct ls_strangers *s); /* all of them, at once */

#endif
