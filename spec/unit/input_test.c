#include "unit.h"

#include "exchange/input.h"

enum { MOST = 100000 };

static void put(struct ls_input *in, const char *text, size_t wanted)
{
    struct ls_slice room = ls_input_room(in, wanted, MOST);
    CHECK(room.len >= strlen(text));
    memcpy((char *)room.at, text, strlen(text));
    in->len += strlen(text);
}

static void has_as_much_room_as_is_wanted(void)
{
    struct ls_input in = { 0 };
    size_t first = ls_input_room(&in, 1, MOST).len;
    CHECK(first >= 1 && first < 10000);
    CHECK_INT(ls_input_room(&in, 1, MOST).len, first);
    CHECK(ls_input_room(&in, 50000, MOST).len >= 50000);
    CHECK_INT(ls_input_room(&in, 10 * MOST, MOST).len, MOST);
    ls_input_free(&in);
}

static void keeps_the_head_and_what_was_not_used(void)
{
    struct ls_input in = { 0 };
    put(&in, "head used rest", 1);
    ls_input_keep_head(&in, 5);
    ls_input_use(&in, 5);
    CHECK(ls_input_room(&in, MOST - 10, MOST).len >= MOST - 10);
    CHECK(memcmp(in.at, "head ", 5) == 0);
    CHECK_TEXT(ls_input_rest(&in), "rest");
    ls_input_next(&in);
    CHECK_TEXT(ls_input_rest(&in), "rest");
    CHECK_INT(in.len, 4);
    ls_input_free(&in);
}

static void is_full_at_the_most(void)
{
    struct ls_input in = { 0 };
    in.len += ls_input_room(&in, MOST, MOST).len;
    CHECK_INT(in.len, MOST);
    CHECK_INT(ls_input_room(&in, 1, MOST).len, 0);
    ls_input_keep_head(&in, 10);
    ls_input_use(&in, 90);
    CHECK_INT(ls_input_room(&in, 1, MOST).len, 90);
    ls_input_free(&in);
}

static const struct unit_test tests[] = {
    { "has as much room as is wanted", has_as_much_room_as_is_wanted },
    { "keeps the head and what was not used", keeps_the_head_and_what_was_not_used },
    { "is full at the most", is_full_at_the_most },
};

UNIT_MAIN(tests)
