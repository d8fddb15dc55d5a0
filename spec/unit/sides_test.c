/* Places of side processes: who takes, enters, frees them, and what becomes of them when owners die at any
 * point. Every process is this one: what is tried is the order of the steps. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "os/sys.h"
#include "server/sides.h"

enum { PLACES = 4, OWNER = 7, OTHER = 8, THREADS = 4, ROUNDS = 20000 };

static int killed;
static bool lives = true;

static bool note_kill(int pid)
{
    if (lives)
        killed = pid;
    return lives;
}

static struct ls_sides *fresh(void)
{
    static struct ls_side_place places[PLACES];
    static struct ls_sides sides;
    memset(places, 0, sizeof places);
    sides = (struct ls_sides) { .all = places, .count = PLACES };
    killed = 0;
    lives = true;
    return &sides;
}

static uint32_t taken(struct ls_sides *s, uint32_t owner, uint64_t *ticket)
{
    int64_t place = ls_sides_reserve(s, owner, NULL, ticket);
    CHECK(place >= 0);
    return (uint32_t)place;
}

static void a_place_is_taken_entered_and_left(void)
{
    struct ls_sides *s = fresh();
    uint64_t ticket;
    CHECK(ls_sides_are_empty(s));
    uint32_t place = taken(s, OWNER, &ticket);
    CHECK(!ls_sides_are_empty(s));
    CHECK_INT(ls_sides_pid(s, place), 0); /* nobody is there yet */
    CHECK_INT(ls_sides_find(s, ls_sys_getpid()), -1);
    CHECK(ls_sides_enter(s, place, ticket));
    CHECK_INT(ls_sides_pid(s, place), ls_sys_getpid());
    CHECK_INT(ls_sides_owner(s, place), OWNER);
    CHECK_INT(ls_sides_find(s, ls_sys_getpid()), place);
    CHECK(ls_sides_leave(s, place));
    CHECK(ls_sides_are_empty(s));
    CHECK_INT(atomic_load(&s->taken), 0);
}

static void there_are_only_so_many(void)
{
    struct ls_sides *s = fresh();
    uint64_t tickets[PLACES], more;
    for (uint32_t i = 0; i < PLACES; i++)
        CHECK_INT(taken(s, OWNER, &tickets[i]), i);
    CHECK_INT(ls_sides_reserve(s, OWNER, NULL, &more), -EAGAIN);
    ls_sides_cancel(s, 2, tickets[2]);
    CHECK_INT(taken(s, OTHER, &more), 2);
    CHECK_INT(ls_sides_top(s), PLACES);
}

static void what_was_cancelled_cannot_be_entered(void)
{
    struct ls_sides *s = fresh();
    uint64_t ticket, next;
    uint32_t place = taken(s, OWNER, &ticket);
    ls_sides_cancel(s, place, ticket);
    CHECK(!ls_sides_enter(s, place, ticket));
    CHECK_INT(taken(s, OWNER, &next), place); /* the same owner, and yet another ticket */
    CHECK(!ls_sides_enter(s, place, ticket));
    ls_sides_cancel(s, place, ticket); /* of what is no longer ours */
    CHECK(ls_sides_enter(s, place, next));
    ls_sides_cancel(s, place, next); /* too late */
    CHECK(ls_sides_pid(s, place) > 0);
}

static void orphans_are_killed_and_those_to_come_kept_out(void)
{
    struct ls_sides *s = fresh();
    uint64_t one, two, other;
    uint32_t entered = taken(s, OWNER, &one), coming = taken(s, OWNER, &two);
    uint32_t of_other = taken(s, OTHER, &other);
    CHECK(ls_sides_enter(s, entered, one));
    ls_sides_orphan(s, OWNER, note_kill);
    CHECK_INT(killed, ls_sys_getpid());
    CHECK(!ls_sides_is_wanted(s, entered));                /* it is about to end … */
    CHECK_INT(ls_sides_find(s, ls_sys_getpid()), entered); /* … and is still to be reaped */
    CHECK(!ls_sides_leave(s, entered));                    /* as was asked for */
    CHECK(!ls_sides_enter(s, coming, two));
    CHECK(ls_sides_enter(s, of_other, other));
}

static void who_died_before_its_owner_was_not_asked_to(void)
{
    struct ls_sides *s = fresh();
    uint64_t ticket;
    uint32_t place = taken(s, OWNER, &ticket);
    CHECK(ls_sides_enter(s, place, ticket));
    lives = false;
    ls_sides_orphan(s, OWNER, note_kill);
    CHECK(ls_sides_leave(s, place));
}

static void the_dismissed_are_not_wondered_at(void)
{
    struct ls_sides *s = fresh();
    uint64_t ticket, next;
    uint32_t place = taken(s, OWNER, &ticket);
    CHECK(ls_sides_enter(s, place, ticket));
    ls_sides_dismiss(s, place, ticket);
    ls_sides_orphan(s, OWNER, note_kill); /* the owner died before it came to kill it */
    CHECK_INT(killed, ls_sys_getpid());
    CHECK(!ls_sides_leave(s, place));
    CHECK_INT(taken(s, OWNER, &next), place);
    CHECK(ls_sides_enter(s, place, next));
    ls_sides_dismiss(s, place, ticket); /* with an old ticket: not this one */
    CHECK(ls_sides_leave(s, place));
}

static void *take_and_leave(void *ctx)
{
    struct ls_sides *s = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t ticket;
        int64_t place = ls_sides_reserve(s, OWNER, NULL, &ticket);
        if (place < 0)
            continue;
        if (i % 3 == 0)
            ls_sides_cancel(s, (uint32_t)place, ticket);
        else if (!ls_sides_enter(s, (uint32_t)place, ticket) || !ls_sides_leave(s, (uint32_t)place))
            return s;
    }
    return NULL;
}

static void many_at_once_never_share_a_place(void)
{
    struct ls_sides *s = fresh();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, take_and_leave, s), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong = s;
        CHECK_INT(pthread_join(threads[i], &wrong), 0);
        CHECK(!wrong);
    }
    CHECK(ls_sides_are_empty(s));
    CHECK_INT(atomic_load(&s->taken), 0);
}

static const struct unit_test tests[] = {
    { "a place is taken, entered and left", a_place_is_taken_entered_and_left },
    { "there are only so many", there_are_only_so_many },
    { "what was cancelled cannot be entered", what_was_cancelled_cannot_be_entered },
    { "orphans are killed, and those to come kept out",
      orphans_are_killed_and_those_to_come_kept_out },
    { "who died before its owner was not asked to", who_died_before_its_owner_was_not_asked_to },
    { "the dismissed are not wondered at", the_dismissed_are_not_wondered_at },
    { "many at once never share a place", many_at_once_never_share_a_place },
};

int main(void)
{
    return unit_main(tests, sizeof tests / sizeof *tests);
}
