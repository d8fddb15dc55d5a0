/* Children that workers make for the supervisor, however far each of them has come when somebody dies. */
#include "server/births.h"

#include <errno.h>

#include "unit.h"

enum { PLACES = 3 };

static struct ls_birth places[PLACES];
static struct ls_births births;
static int taken[PLACES], count;

static void take(void *ctx, int pid)
{
    CHECK(ctx == &births);
    taken[count++] = pid;
}

static void take_all(uint32_t owner)
{
    count = 0;
    ls_births_take(&births, owner, take, &births);
}

static void begin(void)
{
    memset(places, 0, sizeof places);
    births = (struct ls_births) { .all = places, .count = PLACES };
}

static void a_child_is_handed_over_once_it_was_told_of(void)
{
    begin();
    CHECK_INT(ls_births_claim(&births, 7), 0);
    take_all(0);
    CHECK_INT(count, 0);
    atomic_store(&places[0].pid, 100); /* as the kernel does */
    take_all(0);
    CHECK_INT(count, 0);
    ls_births_tell(&births, 0);
    take_all(0);
    CHECK_INT(count, 1);
    CHECK_INT(taken[0], 100);
    take_all(0);
    CHECK_INT(count, 0);
}

static void children_of_a_dead_owner_are_handed_over(void)
{
    begin();
    CHECK_INT(ls_births_claim(&births, 7), 0);
    CHECK_INT(ls_births_claim(&births, 8), 1);
    CHECK_INT(ls_births_claim(&births, 7), 2);
    atomic_store(&places[0].pid, 100);
    atomic_store(&places[1].pid, 101);
    take_all(7); /* the third one has never been made */
    CHECK_INT(count, 1);
    CHECK_INT(taken[0], 100);
    CHECK_INT(ls_births_claim(&births, 9), 0);
    CHECK_INT(atomic_load(&places[0].pid), 0);
}

static void places_are_used_again_and_can_be_short(void)
{
    begin();
    for (int i = 0; i < PLACES; i++)
        CHECK_INT(ls_births_claim(&births, 1), i);
    CHECK_INT(ls_births_claim(&births, 1), -EAGAIN);
    ls_births_cancel(&births, 1);
    CHECK_INT(ls_births_claim(&births, 2), 1);
}

static const struct unit_test tests[] = {
    { "a child is handed over once it was told of", a_child_is_handed_over_once_it_was_told_of },
    { "children of a dead owner are handed over", children_of_a_dead_owner_are_handed_over },
    { "places are used again, and can be short", places_are_used_again_and_can_be_short },
};

UNIT_MAIN(tests)
