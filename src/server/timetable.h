/* When the schedules of the scripts are due, and which of them run. */
#ifndef LS_SERVER_TIMETABLE_H
#define LS_SERVER_TIMETABLE_H

#include "exchange/schedules.h"

enum { LS_SCHEDULE_NAME = 64 }; /* bytes, with the NUL */

struct ls_turn { /* of a schedule */
    char name[LS_SCHEDULE_NAME];
    uint64_t interval, next; /* µs */
    uint64_t retry_at;       /* µs: it could not be started; 0: it could */
    uint64_t runs;
    int pid;           /* of the process that runs it; 0: none does */
    uint32_t place;    /* of that process (sides.h) */
    uint64_t ticket;   /* the same */
    uint64_t began;    /* µs */
    uint64_t left_out; /* runs since then */
};

struct ls_timetable {
    struct ls_turn
        all[2 * LS_SCHEDULES]; /* those of the generation, in its order; then those that still
                                             run, and are no more there */
    size_t count, running;     /* of both kinds */
};

struct luaserve;

/* s->now has other schedules than before, if there was anything before. What keeps its name keeps its time. */
void ls_timetable_renew(struct luaserve *s);

/* Starts what is due. When to look again, in µs; 0: no need. */
uint64_t ls_timetable_look(struct luaserve *s, uint64_t now);

/* Has that process, which has just been reaped, run one of them? */
void ls_timetable_ended(struct luaserve *s, int pid);

#endif
