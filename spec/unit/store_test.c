#include "unit.h"

#include <errno.h>

#include "store_calls.h"

static void sizes_out_of_range_are_refused(void)
{
    static char none[64];
    CHECK_INT(ls_store_init(none, SMALL - 1, seed), -EINVAL);
    CHECK_INT(ls_store_init(none, ((size_t)64 << 30) + 1, seed), -EINVAL);
}

/* Only its shards' heads are touched; the last block of the last shard still is within it. */
static void the_largest_store_is_sound(void)
{
    size_t size = (size_t)64 << 30;
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    if (at == MAP_FAILED)
        return;
    CHECK_INT(ls_store_init(at, size, seed), 0);
    const struct ls_store *store = (const void *)at;
    const struct ls_shard *s = ls_shard_of(store, store->shards - 1);
    char *last = ls_shard_block(s, s->blocks);
    CHECK(last + LS_SHARD_BLOCK <= at + size && last + 16 * LS_SHARD_BLOCK >= at + size);
    struct ls_holder note = { 0 };
    me = (struct ls_store_user) { (void *)at, &note, ME };
    CHECK_INT(set("a", "text"), 1);
    CHECK_INT(get("a"), 1);
    ls_buffer_free(&out);
    munmap(at, size);
}

static void what_was_set_is_got(void)
{
    begin(SMALL);
    CHECK_INT(get("a"), -ENOENT);
    CHECK_INT(set("a", "first"), 1);
    CHECK_INT(get("a"), 1);
    CHECK_TEXT(value.bytes, "first");
    CHECK_INT(set("a", ""), 1);
    CHECK_INT(get("a"), 1);
    CHECK_INT(value.bytes.len, 0);
    CHECK_INT(get_at(DICT + 1, "a", NOW), -ENOENT);
    end();
}

static void bytes_are_appended(void)
{
    begin(SMALL);
    set("a", "two");
    ls_buffer_text(&out, "one, ");
    CHECK_INT(ls_store_get(&me, DICT, LS_SLICE("a"), NOW, &out, &value, &version), 1);
    CHECK_TEXT(((struct ls_slice) { out.at, out.len }), "one, two");
    CHECK_TEXT(value.bytes, "two");
    end();
}

static void each_type_comes_back(void)
{
    const struct ls_value values[] = {
        integer_value(INT64_MIN),
        float_value(-0.1),
        { .type = LS_VALUE_BOOLEAN, .integer = 1 },
        { .type = LS_VALUE_JSON, .bytes = LS_SLICE("{}") },
    };
    begin(SMALL);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        ls_store_set(&me, DICT, LS_SLICE("a"), &values[i], 0, NOW, LS_STORE_SET, 0);
        CHECK_INT(get("a"), 1);
        CHECK_INT(value.type, values[i].type);
        if (values[i].type == LS_VALUE_JSON)
            CHECK_TEXT(value.bytes, "{}");
        else
            CHECK_INT(value.integer, values[i].integer); /* of a float its bits */
    }
    end();
}

static void lengths_around_the_blocks_come_back(void)
{
    static char key[LS_STORE_KEY], text[2000];
    begin(SMALL);
    for (size_t len = 0; len < 600; len++) {
        struct ls_slice k = pattern(key, len % 140, (unsigned)len), t = pattern(text, len, 1);
        const struct ls_value v = text_value(t);
        CHECK_INT(ls_store_set(&me, DICT, k, &v, 0, NOW, LS_STORE_SET, 0), 1);
        ls_buffer_clear(&out);
        CHECK_INT(ls_store_get(&me, DICT, k, NOW, &out, &value, &version), 1);
        CHECK(ls_slice_equal(value.bytes, t));
        check_sound(&memory);
    }
    end();
}

static void add_and_replace_look_first(void)
{
    begin(SMALL);
    CHECK_INT(set_how("a", "x", LS_STORE_REPLACE, 0), 0);
    CHECK_INT(get("a"), -ENOENT);
    CHECK_INT(set_how("a", "x", LS_STORE_ADD, 0), 1);
    CHECK_INT(set_how("a", "y", LS_STORE_ADD, 0), 0);
    get("a");
    CHECK_TEXT(value.bytes, "x");
    CHECK_INT(set_how("a", "y", LS_STORE_REPLACE, 0), 1);
    get("a");
    CHECK_TEXT(value.bytes, "y");
    end();
}

static void a_version_is_good_for_one_change(void)
{
    begin(SMALL);
    CHECK_INT(set_how("a", "x", LS_STORE_VERSION, 1), 0);
    CHECK_INT(set_how("a", "x", LS_STORE_VERSION, 0), 1);
    CHECK_INT(set_how("a", "x", LS_STORE_VERSION, 0), 0);
    get("a");
    uint64_t first = version;
    CHECK_INT(set_how("a", "y", LS_STORE_VERSION, first), 1);
    CHECK_INT(set_how("a", "z", LS_STORE_VERSION, first), 0);
    get("a");
    CHECK_TEXT(value.bytes, "y");
    CHECK(version != first);
    end();
}

/* Neither by incr nor by another entry of the same key. */
static void a_version_does_not_come_again(void)
{
    uint64_t last = 0;
    begin(SMALL);
    for (int i = 0; i < 20; i++) {
        if (i % 5 == 0)
            ls_store_delete(&me, DICT, LS_SLICE("a"), NOW);
        incr("a", integer_value(1));
        get("a");
        CHECK(version > last);
        last = version;
    }
    end();
}

static void incr_adds(void)
{
    begin(SMALL);
    CHECK_INT(incr("a", integer_value(5)), 1);
    CHECK_INT(value.integer, 5);
    CHECK_INT(incr("a", integer_value(-7)), 1);
    CHECK_INT(value.integer, -2);
    CHECK_INT(incr("a", float_value(0.5)), 1);
    CHECK_INT(value.type, LS_VALUE_FLOAT);
    CHECK(value.number == -1.5);
    CHECK_INT(incr("a", integer_value(2)), 1);
    CHECK(value.type == LS_VALUE_FLOAT && value.number == 0.5);
    CHECK_INT(get("a"), 1);
    CHECK(value.type == LS_VALUE_FLOAT && value.number == 0.5);
    end();
}

static void incr_does_not_overflow(void)
{
    begin(SMALL);
    incr("a", integer_value(INT64_MAX));
    CHECK_INT(incr("a", integer_value(1)), -ERANGE);
    incr("b", integer_value(INT64_MIN));
    CHECK_INT(incr("b", integer_value(-1)), -ERANGE);
    get("a");
    CHECK(value.integer == INT64_MAX);
    end();
}

static void incr_wants_numbers(void)
{
    begin(SMALL);
    set("a", "1");
    CHECK_INT(incr("a", integer_value(1)), -EINVAL);
    CHECK_INT(incr("b", text_value(LS_SLICE("1"))), -EINVAL);
    CHECK_INT(get("b"), -ENOENT);
    end();
}

static void what_has_expired_is_not_there(void)
{
    uint64_t expires = 1;
    begin(SMALL);
    set_until("a", NOW + 5);
    CHECK_INT(get_at(DICT, "a", NOW + 4), 1);
    CHECK_INT(ls_store_expiry(&me, DICT, LS_SLICE("a"), NOW, &expires), 1);
    CHECK_INT(expires, NOW + 5);
    CHECK_INT(get_at(DICT, "a", NOW + 5), -ENOENT);
    CHECK_INT(usage().entries, 0);
    CHECK_INT(ls_store_expiry(&me, DICT, LS_SLICE("a"), NOW, &expires), -ENOENT);
    set_until("b", NOW);
    CHECK_INT(ls_store_delete(&me, DICT, LS_SLICE("b"), NOW), 0);
    set_until("c", NOW);
    CHECK_INT(set_how("c", "x", LS_STORE_REPLACE, 0), 0);
    end();
}

static void the_time_can_be_changed(void)
{
    uint64_t expires = 1;
    begin(SMALL);
    CHECK_INT(ls_store_expire(&me, DICT, LS_SLICE("a"), NOW, NOW), -ENOENT);
    set("a", "x");
    CHECK_INT(ls_store_expiry(&me, DICT, LS_SLICE("a"), NOW, &expires), 1);
    CHECK_INT(expires, 0);
    CHECK_INT(ls_store_expire(&me, DICT, LS_SLICE("a"), (uint64_t)1 << 40, NOW), 1);
    CHECK_INT(ls_store_expiry(&me, DICT, LS_SLICE("a"), NOW, &expires), 1);
    CHECK(expires == (uint64_t)1 << 40);
    CHECK_INT(ls_store_expire(&me, DICT, LS_SLICE("a"), 0, NOW), 1);
    CHECK_INT(get_at(DICT, "a", (uint64_t)1 << 50), 1);
    end();
}

static void incr_leaves_the_time(void)
{
    const struct ls_value one = integer_value(1);
    uint64_t expires = 0;
    begin(SMALL);
    ls_store_incr(&me, DICT, LS_SLICE("a"), &one, NOW + 9, NOW, &value);
    ls_store_incr(&me, DICT, LS_SLICE("a"), &one, NOW + 99, NOW, &value);
    ls_store_expiry(&me, DICT, LS_SLICE("a"), NOW, &expires);
    CHECK_INT(expires, NOW + 9);
    ls_store_incr(&me, DICT, LS_SLICE("a"), &one, 0, NOW + 9, &value);
    CHECK_INT(value.integer, 1);
    end();
}

static void delete_deletes_once(void)
{
    begin(SMALL);
    set("a", "x");
    CHECK_INT(ls_store_delete(&me, DICT, LS_SLICE("a"), NOW), 1);
    CHECK_INT(ls_store_delete(&me, DICT, LS_SLICE("a"), NOW), 0);
    CHECK_INT(usage().used, 0);
    end();
}

static void flush_is_of_one_dictionary(void)
{
    begin(LARGE);
    for (unsigned i = 0; i < 300; i++)
        set_bytes(1 + (int)i % 2, i, i * 3);
    ls_store_flush(&me, 2);
    CHECK_INT(usage().entries, 150);
    CHECK_INT(get_at(1, "8", NOW), 1);
    CHECK_INT(get_at(2, "9", NOW), -ENOENT);
    ls_store_flush(&me, 1);
    CHECK_INT(usage().used, 0);
    end();
}

struct heard {
    unsigned count, most;
    bool strange;
};

static bool hear(void *ctx, struct ls_slice key)
{
    struct heard *h = ctx;
    h->strange = h->strange || !ls_slice_starts(key, LS_SLICE("1"));
    get("1"); /* no lock is held */
    return ++h->count < h->most;
}

static void keys_are_told_by_prefix(void)
{
    struct heard all = { .most = 1000 }, some = { .most = 5 };
    begin(LARGE);
    for (unsigned i = 0; i < 200; i++)
        set_bytes(DICT, i, i);
    set_bytes(DICT + 1, 1000, 1);
    set_until("1x", NOW);
    CHECK_INT(ls_store_keys(&me, DICT, LS_SLICE("1"), NOW, hear, &all), 0);
    CHECK_INT(all.count, 111);
    CHECK(!all.strange);
    CHECK_INT(ls_store_keys(&me, DICT, LS_SLICE("1"), NOW, hear, &some), 0);
    CHECK_INT(some.count, 5);
    end();
}

static void a_note_of_others_is_left_alone(void)
{
    begin(SMALL);
    memory.notes[2].at = (uint64_t)UINT32_MAX + 1;
    ls_store_recover(memory.store, &memory.notes[2], 2);
    CHECK(memory.notes[2].at == (uint64_t)UINT32_MAX + 1);
    memory.notes[2].at = 0;
    end();
}

static const struct unit_test tests[] = {
    { "sizes out of range are refused", sizes_out_of_range_are_refused },
    { "the largest store is sound", the_largest_store_is_sound },
    { "what was set is got", what_was_set_is_got },
    { "bytes are appended", bytes_are_appended },
    { "each type comes back", each_type_comes_back },
    { "lengths around the blocks come back", lengths_around_the_blocks_come_back },
    { "add and replace look first", add_and_replace_look_first },
    { "a version is good for one change", a_version_is_good_for_one_change },
    { "a version does not come again", a_version_does_not_come_again },
    { "incr adds", incr_adds },
    { "incr does not overflow", incr_does_not_overflow },
    { "incr wants numbers", incr_wants_numbers },
    { "what has expired is not there", what_has_expired_is_not_there },
    { "the time can be changed", the_time_can_be_changed },
    { "incr leaves the time", incr_leaves_the_time },
    { "delete deletes once", delete_deletes_once },
    { "flush is of one dictionary", flush_is_of_one_dictionary },
    { "keys are told by prefix", keys_are_told_by_prefix },
    { "a note of others is left alone", a_note_of_others_is_left_alone },
};

UNIT_MAIN(tests)
