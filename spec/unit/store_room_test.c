/* What there is room for in a store, and what goes when there is none. */
#include "unit.h"

#include <errno.h>

#include "store_calls.h"

static void what_is_too_large_is_refused(void)
{
    static char key[LS_STORE_KEY + 1];
    const struct ls_value v = text_value(LS_SLICE(""));
    begin(SMALL);
    struct ls_slice long_key = pattern(key, sizeof key, 1);
    CHECK_INT(ls_store_set(&me, DICT, long_key, &v, 0, NOW, LS_STORE_SET, 0), -EFBIG);
    long_key.len--;
    CHECK_INT(ls_store_set(&me, DICT, long_key, &v, 0, NOW, LS_STORE_SET, 0), 1);
    CHECK_INT(set_bytes(DICT, 1, SMALL / 8), -EFBIG);
    CHECK_INT(set_bytes(DICT, 1, SMALL / 10), 1);
    CHECK_INT(get("1"), 1);
    CHECK_INT(value.bytes.len, SMALL / 10);
    end();
}

static void who_was_used_longest_ago_is_evicted(void)
{
    begin(SMALL);
    unsigned i = 0;
    for (; usage().evicted == 0; i++) {
        CHECK_INT(set_bytes(DICT, i, 1000), 1);
        if (i > 0)
            CHECK_INT(get("0"), 1);
    }
    CHECK_INT(usage().evicted, 1);
    CHECK_INT(get("1"), -ENOENT);
    CHECK_INT(get("2"), 1); /* and so it is the newest now: the next to go is 3 */
    set_bytes(DICT, i, 1000);
    CHECK_INT(get("3"), -ENOENT);
    CHECK_INT(get("2"), 1);
    CHECK_INT(get("0"), 1);
    end();
}

static void what_has_expired_goes_first(void)
{
    begin(SMALL);
    set_bytes(DICT, 0, 1000);
    set_until("old", NOW + 1);
    for (unsigned i = 1; usage().used + 1200 <= usage().size; i++)
        set_bytes(DICT, i, 1000);
    const struct ls_store_usage full = usage();
    const struct ls_value v = text_value(LS_SLICE("x"));
    for (uint64_t left = (full.size - full.used) / LS_SHARD_BLOCK, i = 0; i <= left; i++) {
        char key[16];
        snprintf(key, sizeof key, "new%u", (unsigned)i);
        ls_store_set(&me, DICT, ls_slice_of(key), &v, 0, NOW + 2, LS_STORE_SET, 0);
    }
    CHECK_INT(usage().evicted, 0);
    CHECK_INT(get("0"), 1);
    CHECK_INT(get("old"), -ENOENT);
    end();
}

/* It would be the first to be evicted, for its own sake. */
static void the_oldest_can_be_replaced_in_a_full_store(void)
{
    begin(SMALL);
    for (unsigned i = 0; usage().evicted == 0; i++)
        set_bytes(DICT, i, 3000);
    CHECK_INT(get("0"), -ENOENT);
    CHECK_INT(set_bytes(DICT, 1, 6500), 1);
    CHECK_INT(get("1"), 1);
    CHECK_INT(value.bytes.len, 6500);
    end();
}

static void names_have_numbers(void)
{
    char name[256];
    begin(LARGE);
    CHECK_INT(ls_store_dict(&me, LS_SLICE("a")), 1);
    CHECK_INT(ls_store_dict(&me, LS_SLICE("b")), 2);
    CHECK_INT(ls_store_dict(&me, LS_SLICE("a")), 1);
    CHECK_INT(ls_store_dict(&me, LS_SLICE("")), -EINVAL);
    CHECK_INT(ls_store_dict(&me, pattern(name, 256, 1)), -EINVAL);
    for (unsigned i = 3; i <= 255; i++)
        CHECK_INT(ls_store_dict(&me, pattern(name, 255, i)), i);
    CHECK_INT(ls_store_dict(&me, LS_SLICE("c")), -ENOSPC);
    CHECK_INT(ls_store_dict(&me, LS_SLICE("b")), 2);
    CHECK_INT(usage().entries, 0);
    end();
}

/* However many there are, there is room for entries; and they are not evicted. */
static void names_leave_room(void)
{
    char name[256];
    int rc, names = 0;
    begin(SMALL);
    for (unsigned i = 0; (rc = ls_store_dict(&me, pattern(name, 200 + i / 256, i))) > 0; i++)
        names = rc;
    CHECK_INT(rc, -ENOSPC);
    for (unsigned i = 0; i < 100; i++)
        CHECK_INT(set_bytes(DICT, i % 3, 6500), 1);
    CHECK_INT(ls_store_dict(&me, pattern(name, 200, 0)), 1);
    CHECK_INT(ls_store_dict(&me, pattern(name, 200, (unsigned)names - 1)), names);
    end();
}

static const struct unit_test tests[] = {
    { "what is too large is refused", what_is_too_large_is_refused },
    { "who was used longest ago is evicted", who_was_used_longest_ago_is_evicted },
    { "what has expired goes first", what_has_expired_goes_first },
    { "the oldest can be replaced in a full store", the_oldest_can_be_replaced_in_a_full_store },
    { "names have numbers", names_have_numbers },
    { "names leave room", names_leave_room },
};

UNIT_MAIN(tests)
