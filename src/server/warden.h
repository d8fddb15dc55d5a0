/* The supervisor's care for side processes (sides.h): their budgets, their end, and what is told to them. */
#ifndef LS_SERVER_WARDEN_H
#define LS_SERVER_WARDEN_H

#include <stdint.h>

#include "exchange/metrics.h"
#include "server/watch.h"

struct ls_death;

struct ls_warden {
    struct ls_ward {
        struct ls_watch watch;
        const char *why; /* it was ended; NULL: not by us */
        enum ls_cause cause;
    } * all;          /* one a place; workers don't have it */
    uint64_t look_at; /* µs: when the budgets are due; 0: at once */
};

int ls_warden_open(struct luaserve *s); /* 0 or -ENOMEM */
void ls_warden_close(struct luaserve *s);

/* Interrupts, and then ends, those that are over their budgets. When to look again; 0: no need. */
uint64_t ls_warden_look(struct luaserve *s, uint64_t now);

/* Has that process, which has just been reaped, been one of them? */
bool ls_warden_ended(struct luaserve *s, int pid, const struct ls_death *death);

void ls_warden_orphan(struct luaserve *s, uint32_t owner); /* that one has died: its own go too */
void ls_warden_ring(struct luaserve *s);                   /* all of them are to look up */
void ls_warden_end(struct luaserve *s, const char *why);   /* all of them, now */
bool ls_warden_is_empty(const struct luaserve *s);

#endif
