/* Many random operations, on a store of one shard and on a naive model of it: entries in an array, which is
 * the order of use. */
#include "unit.h"

#include <errno.h>

#include "stores.h"

enum { KEYS = 300, MOST = 600, LONGEST = 2000, DICTS = 2, ME = 1 };

struct item {
    int key, dict;
    bool is_number;
    int64_t number;
    unsigned whose; /* of which pattern the value is */
    size_t len;
    uint64_t expires;
};

static struct memory memory;
static struct ls_store_user me;
static struct item items[MOST]; /* the first is the newest */
static size_t count;
static uint64_t blocks, evicted, now;
static unsigned state;
static char text[LONGEST];

static unsigned below(unsigned most)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % most;
}

/* Some keys are long enough for a block of their own. */
static struct ls_slice key_of(int key)
{
    static char name[256];
    int len = snprintf(name, sizeof name, "%0*d", key % 7 == 0 ? 150 : 1, key);
    return (struct ls_slice) { name, (size_t)len };
}

static uint64_t blocks_of(const struct item *item)
{
    return ls_entry_blocks(key_of(item->key).len + (item->is_number ? 0 : item->len));
}

static bool has_expired(const struct item *item)
{
    return item->expires != 0 && item->expires <= now;
}

static void drop(size_t at)
{
    memmove(items + at, items + at + 1, (--count - at) * sizeof *items);
}

static void put_first(struct item item)
{
    memmove(items + 1, items, count++ * sizeof *items);
    items[0] = item;
}

/* The item's place, or -1. It is dropped if it has expired. */
static int find(int dict, int key)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].key == key && items[i].dict == dict) {
            if (!has_expired(&items[i]))
                return (int)i;
            drop(i);
            return -1;
        }
    return -1;
}

static struct item *use(int at)
{
    struct item item = items[at];
    drop((size_t)at);
    put_first(item);
    return items;
}

static uint64_t used(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += blocks_of(&items[i]);
    return sum;
}

static void make_room(uint64_t wanted)
{
    while (used() + wanted > blocks) {
        size_t victim = count;
        for (size_t i = count; victim == count && i > 0 && i + 8 > count; i--)
            if (has_expired(&items[i - 1]))
                victim = i - 1;
        if (victim == count) {
            victim = count - 1;
            evicted++;
        }
        drop(victim);
    }
}

static void model_put(struct item item)
{
    int old = find(item.dict, item.key);
    if (old >= 0)
        use(old);
    make_room(blocks_of(&item));
    if (old >= 0)
        drop(0);
    put_first(item);
}

static uint64_t some_time(void)
{
    return below(3) == 0 ? now + below(500) : 0;
}

static void try_set(int dict, int key)
{
    struct item item = { .dict = dict, .key = key, .whose = below(100), .expires = some_time() };
    item.is_number = below(4) == 0;
    item.number = (int64_t)below(1000);
    item.len = below(below(5) == 0 ? LONGEST : 200);
    const struct ls_value value = item.is_number ? integer_value(item.number)
                                                 : text_value(pattern(text, item.len, item.whose));
    enum ls_store_how how = (enum ls_store_how)below(3);
    int old = find(dict, key), may = how == LS_STORE_SET || (how == LS_STORE_ADD) == (old < 0);
    CHECK_INT(ls_store_set(&me, dict, key_of(key), &value, item.expires, now, how, 0), may);
    if (may)
        model_put(item);
}

static void try_get(int dict, int key)
{
    struct ls_buffer out = { 0 };
    struct ls_value value;
    uint64_t version;
    int at = find(dict, key);
    int rc = ls_store_get(&me, dict, key_of(key), now, &out, &value, &version);
    CHECK_INT(rc, at < 0 ? -ENOENT : 1);
    if (at >= 0 && rc == 1) {
        const struct item *item = use(at);
        CHECK_INT(value.type, item->is_number ? LS_VALUE_INTEGER : LS_VALUE_STRING);
        if (item->is_number)
            CHECK_INT(value.integer, item->number);
        else
            CHECK(ls_slice_equal(value.bytes, pattern(text, item->len, item->whose)));
    }
    ls_buffer_free(&out);
}

static void try_incr(int dict, int key)
{
    const struct ls_value by = integer_value((int64_t)below(1000) - 500);
    struct ls_value sum = { 0 };
    uint64_t expires = some_time();
    int at = find(dict, key);
    int rc = ls_store_incr(&me, dict, key_of(key), &by, expires, now, &sum);
    if (at >= 0 && !items[at].is_number) {
        CHECK_INT(rc, -EINVAL);
        return;
    }
    CHECK_INT(rc, 1);
    if (at >= 0)
        use(at)->number += by.integer;
    else
        model_put((struct item) { .dict = dict,
                                  .key = key,
                                  .is_number = true,
                                  .number = by.integer,
                                  .expires = expires });
    CHECK_INT(sum.integer, items[0].number);
}

static void try_expire(int dict, int key)
{
    uint64_t expires = some_time(), told = 0;
    int at = find(dict, key);
    CHECK_INT(ls_store_expire(&me, dict, key_of(key), expires, now), at < 0 ? -ENOENT : 1);
    if (at >= 0)
        items[at].expires = expires;
    at = find(dict, key);
    CHECK_INT(ls_store_expiry(&me, dict, key_of(key), now, &told), at < 0 ? -ENOENT : 1);
    CHECK(at < 0 || told == expires);
}

static void try_delete(int dict, int key)
{
    int at = find(dict, key);
    CHECK_INT(ls_store_delete(&me, dict, key_of(key), now), at >= 0);
    if (at >= 0)
        drop((size_t)at);
}

static void try_flush(int dict)
{
    ls_store_flush(&me, dict);
    for (size_t i = count; i > 0; i--)
        if (items[i - 1].dict == dict)
            drop(i - 1);
}

static void try_one(void)
{
    int dict = 1 + (int)below(DICTS), key = (int)below(KEYS);
    unsigned what = below(1000);
    if (what < 400)
        try_set(dict, key);
    else if (what < 700)
        try_get(dict, key);
    else if (what < 850)
        try_incr(dict, key);
    else if (what < 930)
        try_expire(dict, key);
    else if (what < 999)
        try_delete(dict, key);
    else
        try_flush(dict);
}

static void check_alike(void)
{
    struct ls_store_usage usage;
    ls_store_usage(&me, &usage);
    CHECK_INT(usage.entries, count);
    CHECK_INT(usage.evicted, evicted);
    CHECK_INT(usage.used, used() * LS_SHARD_BLOCK);
    check_sound(&memory);
}

static void run(int operations, unsigned start)
{
    memory = memory_of(LS_STORE_SMALLEST);
    me = user_of(&memory, ME);
    blocks = ls_shard_of(memory.store, 0)->blocks;
    count = evicted = 0;
    state = start;
    now = 1;
    for (int i = 0; i < operations && unit_failed_checks == 0; i++, now++) {
        try_one();
        if (i % 50 == 0)
            check_alike();
    }
    CHECK(evicted > 0);
    memory_free(&memory);
}

static void it_does_what_its_model_does(void)
{
    for (unsigned i = 1; i <= 10; i++)
        run(20000, i);
}

static const struct unit_test tests[] = {
    { "it does what its model does", it_does_what_its_model_does },
};

UNIT_MAIN(tests)
