/* What is to be done at intervals, by a process of its own each time. */
#ifndef LS_EXCHANGE_SCHEDULES_H
#define LS_EXCHANGE_SCHEDULES_H

#include <stddef.h>

#include "exchange/limits.h"

enum { LS_SCHEDULES = 32 };

struct ls_schedule {
    char *name;  /* by which it is known over a reload: given, or its number */
    char *where; /* "scripts/sweep.lua:3" */
    int handler;
    uint64_t interval, first; /* µs from one begin to the next, and from the start to the first */
    struct ls_limits own;
};

struct ls_schedules {
    struct ls_schedule all[LS_SCHEDULES];
    size_t count;
};

/* Copies the texts. 0; -ENOSPC: there are LS_SCHEDULES; -EEXIST: there is one of that name; -ENOMEM. */
int ls_schedules_add(struct ls_schedules *s, const struct ls_schedule *schedule);
void ls_schedules_free(struct ls_schedules *s);

/* The one of that name; that has that handler. NULL: there is none. */
const struct ls_schedule *ls_schedules_named(const struct ls_schedules *s, const char *name);
const struct ls_schedule *ls_schedules_of(const struct ls_schedules *s, int handler);

#endif
