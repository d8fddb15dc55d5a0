#include "server/timetable.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/accounting.h"
#include "server/server.h"

enum { AGAIN = 100000 }; /* µs until what could not be started is tried once more */

static struct ls_turn *named(struct ls_timetable *t, const char *name)
{
    for (size_t i = 0; i < t->count + t->running; i++)
        if ((i < t->count || t->all[i].pid > 0) && strcmp(t->all[i].name, name) == 0)
            return &t->all[i];
    return NULL;
}

static void add(struct ls_timetable *t, const struct ls_schedule *schedule, struct ls_turn *before,
                uint64_t now)
{
    struct ls_turn *turn = &t->all[t->count++];
    if (before)
        *turn = *before;
    if (before)
        before->pid = 0; /* it is not one of those that have gone */
    if (!before || before->interval != schedule->interval)
        turn->next = now + schedule->first;
    turn->interval = schedule->interval;
    snprintf(turn->name, sizeof turn->name, "%s", schedule->name);
}

void ls_timetable_renew(struct luaserve *s)
{
    struct ls_timetable before = s->timetable, *t = &s->timetable;
    const struct ls_schedules *schedules = &s->now->schedules;
    uint64_t now = ls_clock_us();
    memset(t, 0, sizeof *t);
    for (size_t i = 0; i < schedules->count; i++)
        add(t, &schedules->all[i], named(&before, schedules->all[i].name), now);
    for (size_t i = 0; i < before.count + before.running; i++)
        if (before.all[i].pid > 0 && t->running < LS_SCHEDULES)
            t->all[t->count + t->running++] = before.all[i];
}

static void start(struct luaserve *s, const struct ls_schedule *schedule, struct ls_turn *turn,
                  uint64_t now)
{
    int pid = ls_side_schedule(s, schedule, turn->runs + 1, &turn->place, &turn->ticket);
    if (pid < 0) {
        if (turn->retry_at == 0)
            ls_log(&s->now->log, LS_LOG_ERROR,
                   "%s: app:every %s cannot begin: %s; trying again every %d ms", schedule->where,
                   turn->name, strerror(-pid), AGAIN / 1000);
        turn->retry_at = now + AGAIN;
        return;
    }
    turn->retry_at = 0;
    turn->runs++;
    ls_tally(&ls_tallies_of(s)->runs, 1);
    turn->pid = pid;
    turn->began = now;
    turn->left_out = 0;
    ls_log(&s->now->log, LS_LOG_DEBUG, "%s: app:every %s begins: process %d", schedule->where,
           turn->name, pid);
}

/* Its next time from `now` on: it keeps its beat, whatever was left out. */
static void move_on(struct ls_turn *turn, uint64_t now)
{
    turn->next += turn->interval;
    if (turn->next <= now)
        turn->next += (now - turn->next) / turn->interval * turn->interval + turn->interval;
}

static void look_at(struct luaserve *s, size_t index, uint64_t now)
{
    const struct ls_schedule *schedule = &s->now->schedules.all[index];
    struct ls_turn *turn = &s->timetable.all[index];
    if (turn->retry_at > 0 && now >= turn->retry_at && turn->pid == 0)
        start(s, schedule, turn, now);
    if (now < turn->next)
        return;
    move_on(turn, now);
    if (turn->pid == 0 && turn->retry_at == 0)
        start(s, schedule, turn, now);
    else if (turn->pid > 0 && turn->left_out++ == 0)
        ls_log(&s->now->log, LS_LOG_WARN,
               "%s: app:every %s still runs when it is due again: left out", schedule->where,
               turn->name);
}

uint64_t ls_timetable_look(struct luaserve *s, uint64_t now)
{
    uint64_t next = 0;
    for (size_t i = 0; i < s->timetable.count && s->stop == 0; i++) {
        look_at(s, i, now);
        next = ls_clock_sooner(next, s->timetable.all[i].next);
        next = ls_clock_sooner(next, s->timetable.all[i].retry_at);
    }
    return next;
}

void ls_timetable_ended(struct luaserve *s, int pid)
{
    struct ls_timetable *t = &s->timetable;
    for (size_t i = 0; i < t->count + t->running; i++) {
        struct ls_turn *turn = &t->all[i];
        if (turn->pid != pid)
            continue;
        turn->pid = 0;
        ls_sides_cancel(&s->shared->sides, turn->place, turn->ticket); /* it may never have begun */
        ls_log(&s->now->log, LS_LOG_DEBUG, "app:every %s has ended: process %d, %llu ms",
               turn->name, pid, (unsigned long long)(ls_clock_us() - turn->began) / 1000);
    }
}
