#include "exchange/schedules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct ls_schedule *ls_schedules_named(const struct ls_schedules *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->all[i].name, name) == 0)
            return &s->all[i];
    return NULL;
}

const struct ls_schedule *ls_schedules_of(const struct ls_schedules *s, int handler)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->all[i].handler == handler)
            return &s->all[i];
    return NULL;
}

static void free_one(struct ls_schedule *schedule)
{
    free(schedule->name);
    free(schedule->where);
}

int ls_schedules_add(struct ls_schedules *s, const struct ls_schedule *schedule)
{
    if (s->count == LS_SCHEDULES)
        return -ENOSPC;
    if (ls_schedules_named(s, schedule->name))
        return -EEXIST;
    struct ls_schedule *added = &s->all[s->count];
    *added = *schedule;
    added->name = strdup(schedule->name);
    added->where = strdup(schedule->where);
    if (!added->name || !added->where) {
        free_one(added);
        return -ENOMEM;
    }
    s->count++;
    return 0;
}

void ls_schedules_free(struct ls_schedules *s)
{
    while (s->count > 0)
        free_one(&s->all[--s->count]);
}
