/* Death at any instruction of an operation: the store as it stands there is copied and mended. */
#include "unit.h"

#include <signal.h>

#include "stepping.h"
#include "stores.h"

enum { DEAD = 1, LIVING = 2, DEADLINE = 110 /* seconds */ };
enum { KEYS = 64, LONG = 5000, SHORT = 60, FULL = 1000, NOW = 1, OTHER_DICT = 2 };

static struct memory memory, copy, before, after, last;

static struct ls_slice key_of(int i)
{
    static char text[8];
    snprintf(text, sizeof text, "key%d", i);
    return ls_slice_of(text);
}

static int set(const struct memory *m, uint32_t number, int key, struct ls_value value)
{
    const struct ls_store_user u = user_of(m, number);
    return ls_store_set(&u, key % 2 + 1, key_of(key), &value, 0, NOW, LS_STORE_SET, 0);
}

/* Even keys are in the first dictionary, odd ones in the second. */
static int get(const struct memory *m, int key, struct ls_buffer *out, struct ls_value *value)
{
    const struct ls_store_user u = user_of(m, LIVING);
    uint64_t version;
    ls_buffer_clear(out);
    return ls_store_get(&u, key % 2 + 1, key_of(key), NOW, out, value, &version);
}

static bool is_same(const struct memory *a, const struct memory *b, int key)
{
    struct ls_buffer in_a = { 0 }, in_b = { 0 };
    struct ls_value va = { 0 }, vb = { 0 };
    int ra = get(a, key, &in_a, &va), rb = get(b, key, &in_b, &vb);
    bool same = ra == rb && va.type == vb.type && va.integer == vb.integer &&
                ls_slice_equal(va.bytes, vb.bytes);
    ls_buffer_free(&in_a);
    ls_buffer_free(&in_b);
    return same;
}

/* Is every key as before or as after? *old: all that differ are as before; *new: … as after. */
static bool is_old_or_new(bool *old, bool *new)
{
    *old = *new = true;
    for (int key = 0; key < KEYS; key++) {
        bool as_before = is_same(&copy, &before, key), as_after = is_same(&copy, &after, key);
        *old = *old && as_before;
        *new = *new &&as_after;
        if (!as_before && !as_after)
            return false;
    }
    return true;
}

static void prepare(void (*setup)(void), void (*run)(void *))
{
    const size_t size = LS_STORE_SMALLEST;
    memory = memory_of(size);
    copy = memory_of(size);
    before = memory_of(size);
    after = memory_of(size);
    last = memory_of(size);
    setup();
    memory_copy(&before, &memory);
    run(NULL);
    memory_copy(&after, &memory);
    memory_copy(&memory, &before);
    check_sound(&after);
}

/* False: it is not sound, which is said once. Most instructions write nothing there. */
static bool examine(int step, bool *old, bool *new)
{
    if (step > 0 && memcmp((void *)last.store, (void *)memory.store, memory.size) == 0)
        return true;
    memory_copy(&last, &memory);
    memory_copy(&copy, &memory);
    ls_store_recover(copy.store, &copy.notes[DEAD], DEAD);
    const char *fault = fault_of(&copy);
    if (!fault && !is_old_or_new(old, new))
        fault = "a value is neither the old nor the new one";
    if (!fault && (set(&copy, LIVING, 0, integer_value(step)) != 1 || fault_of(&copy)))
        fault = "it cannot be used any more";
    if (fault)
        fprintf(stderr, "after %d instructions: %s\n", step, fault);
    CHECK(!fault);
    return !fault;
}

/* One change: all is old until all is new. Else some may be new before the rest is. */
static void step_through(void (*setup)(void), void (*run)(void *), bool one_change)
{
    int step = 0;
    bool old = true, new = false, was_new = false;
    prepare(setup, run);
    int pid = step_begin(run, NULL);
    do {
        if (!examine(step++, &old, &new))
            break;
        CHECK(!one_change || old || new);
        CHECK(!was_new || new);
        was_new = new;
    } while (step_on(pid));
    step_kill(pid);
    CHECK(new);
    CHECK(step > 100);
    memory_free(&memory);
    memory_free(&copy);
    memory_free(&before);
    memory_free(&after);
    memory_free(&last);
}

static struct ls_slice long_text(unsigned whose)
{
    static char text[LONG];
    return pattern(text, LONG, whose);
}

static struct ls_slice cut(struct ls_slice text, size_t len)
{
    return (struct ls_slice) { text.at, len };
}

static void nothing_yet(void)
{
}

static void a_few(void)
{
    for (int key = 0; key < 6; key++)
        set(&memory, LIVING, key, text_value(cut(long_text(1), SHORT * (size_t)key)));
    set(&memory, LIVING, 6,
        integer_value(UINT32_MAX)); /* the next one carries into the high word */
}

static void full(void)
{
    for (int key = 0; key < KEYS; key++)
        set(&memory, LIVING, key, text_value(cut(long_text((unsigned)key), FULL)));
}

static void set_new(void *ctx)
{
    (void)ctx;
    set(&memory, DEAD, 9, text_value(cut(long_text(3), 3 * SHORT)));
}

static void set_longer(void *ctx)
{
    (void)ctx;
    set(&memory, DEAD, 2, text_value(cut(long_text(4), 9 * SHORT)));
}

static void set_into_full(void *ctx)
{
    (void)ctx;
    set(&memory, DEAD, 20, text_value(long_text(5)));
}

static void incr(void *ctx)
{
    const struct ls_store_user u = user_of(&memory, DEAD);
    const struct ls_value one = integer_value(1);
    struct ls_value sum;
    (void)ctx;
    ls_store_incr(&u, 1, key_of(6), &one, 0, NOW, &sum);
}

static void incr_by_float(void *ctx)
{
    const struct ls_store_user u = user_of(&memory, DEAD);
    const struct ls_value half = float_value(0.5);
    struct ls_value sum;
    (void)ctx;
    ls_store_incr(&u, 1, key_of(6), &half, 0, NOW, &sum);
}

static void incr_new(void *ctx)
{
    const struct ls_store_user u = user_of(&memory, DEAD);
    const struct ls_value one = integer_value(1);
    struct ls_value sum;
    (void)ctx;
    ls_store_incr(&u, 1, key_of(10), &one, 0, NOW, &sum);
}

static void delete (void *ctx)
{
    const struct ls_store_user u = user_of(&memory, DEAD);
    (void)ctx;
    ls_store_delete(&u, 2, key_of(5), NOW);
}

/* Nothing but the order changes, so old is new. */
static void get_one(void *ctx)
{
    static char room[LONG];
    struct ls_buffer out = { .at = room, .cap = sizeof room };
    const struct ls_store_user u = user_of(&memory, DEAD);
    struct ls_value value;
    uint64_t version;
    (void)ctx;
    ls_store_get(&u, 1, key_of(4), NOW, &out, &value, &version);
}

static void expire(void *ctx)
{
    const struct ls_store_user u = user_of(&memory, DEAD);
    (void)ctx;
    ls_store_expire(&u, 2, key_of(3), NOW, NOW);
}

static void flush(void *ctx)
{
    const struct ls_store_user u = user_of(&memory, DEAD);
    (void)ctx;
    ls_store_flush(&u, OTHER_DICT);
}

static void name(void *ctx)
{
    const struct ls_store_user u = user_of(&memory, DEAD);
    (void)ctx;
    ls_store_dict(&u, cut(long_text(6), 255));
}

static void death_in_set_of_a_new_key(void)
{
    step_through(nothing_yet, set_new, true);
    step_through(a_few, set_new, true);
}

static void death_in_set_of_a_longer_value(void)
{
    step_through(a_few, set_longer, true);
}

static void death_in_set_that_evicts(void)
{
    step_through(full, set_into_full, false);
}

static void death_in_incr(void)
{
    step_through(a_few, incr, true);
    step_through(a_few, incr_by_float, true);
    step_through(a_few, incr_new, true);
}

static void death_in_delete(void)
{
    step_through(a_few, delete, true);
}

static void death_in_get(void)
{
    step_through(a_few, get_one, true);
}

static void death_in_expire(void)
{
    step_through(a_few, expire, true);
}

static void death_in_flush(void)
{
    step_through(full, flush, false);
}

static void death_in_naming(void)
{
    step_through(a_few, name, true);
    step_through(full, name, false);
}

static const struct unit_test tests[] = {
    { "death in set of a new key leaves all or nothing of it", death_in_set_of_a_new_key },
    { "death in set of a longer value leaves the old or the new", death_in_set_of_a_longer_value },
    { "death in set that evicts loses no block", death_in_set_that_evicts },
    { "death in incr leaves the number before or after", death_in_incr },
    { "death in delete leaves all or nothing", death_in_delete },
    { "death in get leaves all", death_in_get },
    { "death in expire leaves the old or the new time", death_in_expire },
    { "death in flush leaves whole entries", death_in_flush },
    { "death in naming a dictionary leaves all or nothing", death_in_naming },
};

int main(void)
{
    if (!step_is_permitted()) {
        puts("0 passed, 0 failed (ptrace is not permitted)");
        return 0;
    }
    alarm(DEADLINE);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
