#include "unit.h"

#include "server/members.h"

enum { MANY = 200 }; /* more than the table has room for at first */

static struct ls_members members;
static unsigned turns[2 * MANY], looks[2 * MANY];

static void begin(uint32_t count)
{
    memset(turns, 0, sizeof turns);
    memset(looks, 0, sizeof looks);
    for (uint32_t i = 0; i < count; i++)
        CHECK(ls_members_add(&members, 1000 + (int)i) >= 0);
}

static void end(void)
{
    ls_members_free(&members);
}

static void come_and_go(void)
{
    begin(MANY);
    CHECK_INT(members.count, MANY);
    CHECK_INT(members.all[MANY - 1].fd, 1000 + MANY - 1);
    ls_members_remove(&members, 7);
    CHECK_INT(members.count, MANY - 1);
    CHECK_INT(members.all[7].fd, -1);
    CHECK_INT(ls_members_add(&members, 5), 7);
    CHECK_INT(members.all[7].fd, 5);
    end();
}

static void ask_again(void *ctx, uint32_t index)
{
    (void)ctx;
    turns[index]++;
    ls_members_enqueue(&members, index);
    ls_members_enqueue(&members, index); /* once is enough */
}

static void all_may_ask_for_another_turn(void)
{
    begin(MANY);
    uint32_t all =
        members.cap; /* every place of the table, so that the queue is as full as can be */
    while (members.count < all)
        ls_members_add(&members, 1);
    for (uint32_t i = 0; i < all; i++)
        ls_members_enqueue(&members, i);
    for (unsigned round = 1; round <= 3; round++) {
        ls_members_take_turns(&members, ask_again, NULL);
        CHECK_INT(members.queued, all);
        for (uint32_t i = 0; i < MANY; i++)
            CHECK_INT(turns[i], round);
    }
    end();
}

static void take_turn(void *ctx, uint32_t index)
{
    (void)ctx;
    turns[index]++;
}

static void who_has_gone_has_no_turn(void)
{
    ls_members_take_turns(&members, take_turn, NULL); /* nobody has come yet */
    begin(3);
    for (uint32_t i = 0; i < 3; i++)
        ls_members_enqueue(&members, i);
    ls_members_remove(&members, 1);
    ls_members_take_turns(&members, take_turn, NULL);
    CHECK_INT(turns[0], 1);
    CHECK_INT(turns[1], 0);
    CHECK_INT(turns[2], 1);
    CHECK_INT(members.queued, 0);
    CHECK_INT(ls_members_add(&members, 9), 1);
    ls_members_enqueue(&members, 1); /* the place's queue mark did not stay */
    CHECK_INT(members.queued, 1);
    end();
}

static void one_who_comes_to_a_queued_place_has_one_turn(void)
{
    begin(2);
    ls_members_enqueue(&members, 1);
    ls_members_remove(&members, 1);
    CHECK_INT(ls_members_add(&members, 9), 1);
    ls_members_enqueue(&members, 1);
    ls_members_take_turns(&members, take_turn, NULL);
    CHECK_INT(turns[1], 1);
    end();
}

static void look_at(void *ctx, uint32_t index)
{
    const bool *settled = ctx;
    looks[index]++;
    if (*settled)
        ls_members_set_due(&members, index, 0);
}

static void are_looked_at_when_something_is_due(void)
{
    bool settled = true;
    begin(3);
    ls_members_set_due(&members, 0, 100);
    ls_members_set_due(&members, 2, 200);
    CHECK_INT(members.next, 100);
    ls_members_look(&members, 99, look_at, &settled);
    CHECK_INT(looks[0], 0);
    ls_members_look(&members, 100, look_at, &settled);
    CHECK_INT(looks[0], 1);
    CHECK_INT(looks[2], 0);
    CHECK_INT(members.next, 200);
    ls_members_look(&members, 5000, look_at, &settled);
    CHECK_INT(looks[1], 0);
    CHECK_INT(looks[2], 1);
    CHECK_INT(members.next, 0);
    end();
}

static void one_who_stays_late_is_not_looked_at_at_once(void)
{
    bool settled = false;
    begin(1);
    ls_members_set_due(&members, 0, 100);
    ls_members_look(&members, 100, look_at, &settled);
    ls_members_look(&members, 101, look_at, &settled);
    CHECK_INT(looks[0], 1);
    ls_members_look(&members, 100 + 1000, look_at, &settled);
    CHECK_INT(looks[0], 2);
    end();
}

static const struct unit_test tests[] = {
    { "come and go", come_and_go },
    { "all may ask for another turn", all_may_ask_for_another_turn },
    { "one who has gone has no turn", who_has_gone_has_no_turn },
    { "one who comes to a queued place has one turn",
      one_who_comes_to_a_queued_place_has_one_turn },
    { "are looked at when something is due", are_looked_at_when_something_is_due },
    { "one who stays late is not looked at at once", one_who_stays_late_is_not_looked_at_at_once },
};

UNIT_MAIN(tests)
