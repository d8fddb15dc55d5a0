#include "vectors.h"

#include "http/range.h"

static void describe(int verdict, const struct ls_ranges *r, char out[VECTOR_TEXT])
{
    size_t at = (size_t)snprintf(out, VECTOR_TEXT, "%d", verdict);
    for (uint32_t i = 0; verdict == 206 && i < r->count; i++)
        at += (size_t)snprintf(out + at, VECTOR_TEXT - at, "%s%ju-%ju", i > 0 ? "," : " ",
                               (uintmax_t)r->at[i].first,
                               (uintmax_t)(r->at[i].first + r->at[i].len - 1));
}

static void run_vector(const struct vector *v)
{
    struct ls_ranges ranges;
    char got[VECTOR_TEXT], *value;
    uint64_t length = strtoull(v->input, &value, 10);
    size_t len = v->len - (size_t)(value + 1 - v->input);
    const char *bytes = vector_guard(value + 1, len);
    describe(ls_ranges_read((struct ls_slice) { bytes, len }, length, &ranges), &ranges, got);
    vector_compare(v, "range", got);
}

static void judges_the_vectors(void)
{
    vectors_run("spec/vectors/range.txt", 84, run_vector);
}

/* Whatever is asked for: inside of the whole, none empty, no two that overlap or touch. */
static void check_sound(const struct ls_ranges *r, uint64_t length)
{
    CHECK(r->count > 0 && r->count <= LS_RANGES);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct ls_range *a = &r->at[i];
        CHECK(a->len > 0 && a->first < length && a->len <= length - a->first);
        for (uint32_t j = 0; j < i; j++) {
            const struct ls_range *b = &r->at[j];
            CHECK(a->first > b->first + b->len || b->first > a->first + a->len);
        }
    }
}

static void stays_sound_whatever_is_asked_for(void)
{
    static uint32_t seed = 1;
    static const char alphabet[] = "0123456789--,, ";
    for (int i = 0; i < 100000; i++) {
        struct ls_ranges ranges;
        char text[80] = "bytes=";
        size_t len = 6 + vector_random(&seed) % 60;
        uint64_t length = vector_random(&seed) % 200;
        for (size_t at = 6; at < len; at++)
            text[at] = alphabet[vector_random(&seed) % (sizeof alphabet - 1)];
        const char *bytes = vector_guard(text, len);
        if (ls_ranges_read((struct ls_slice) { bytes, len }, length, &ranges) == 206)
            check_sound(&ranges, length);
    }
}

/* Against a map of the bytes: the same set of them, whatever was joined. */
static void loses_and_adds_no_byte(void)
{
    static uint32_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        enum { LENGTH = 60 };
        struct ls_ranges ranges;
        bool asked[LENGTH] = { false }, given[LENGTH] = { false };
        char text[200] = "bytes=";
        int at = 6;
        for (uint32_t n = vector_random(&seed) % 8 + 1; n > 0; n--) {
            uint32_t first = vector_random(&seed) % LENGTH;
            uint32_t last = first + vector_random(&seed) % (LENGTH - first);
            at += snprintf(text + at, sizeof text - (size_t)at, "%u-%u,", first, last);
            for (uint32_t b = first; b <= last; b++)
                asked[b] = true;
        }
        CHECK_INT(ls_ranges_read((struct ls_slice) { text, (size_t)at }, LENGTH, &ranges), 206);
        for (uint32_t r = 0; r < ranges.count; r++)
            memset(given + ranges.at[r].first, true, ranges.at[r].len);
        CHECK(memcmp(asked, given, sizeof asked) == 0);
    }
}

static const struct unit_test tests[] = {
    { "judges the vectors", judges_the_vectors },
    { "stays sound whatever is asked for", stays_sound_whatever_is_asked_for },
    { "loses and adds no byte by joining ranges", loses_and_adds_no_byte },
};

UNIT_MAIN(tests)
