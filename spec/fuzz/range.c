/* "LENGTH value" of a Range field: ranges inside of the whole, none twice. */
#include "fuzz.h"

#include "http/range.h"

static void check_sound(const struct ls_ranges *r, uint64_t length)
{
    uint64_t sum = 0;
    FUZZ_CHECK(r->count > 0 && r->count <= LS_RANGES);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct ls_range *a = &r->at[i];
        FUZZ_CHECK(a->len > 0 && a->first < length && a->len <= length - a->first);
        sum += a->len;
        for (uint32_t j = 0; j < i; j++)
            FUZZ_CHECK(a->first > r->at[j].first + r->at[j].len ||
                       r->at[j].first > a->first + a->len);
    }
    FUZZ_CHECK(sum <= length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_slice all = { (const char *)data, size };
    size_t space = ls_slice_find(all, 0, ' ');
    uint64_t length = 0;
    struct ls_ranges ranges;
    if (space == size || ls_slice_to_u64((struct ls_slice) { all.at, space }, &length) < 0)
        return 0;
    struct ls_slice rest = ls_slice_from(all, space + 1);
    char *copy = fuzz_copy(rest.at, rest.len);
    int verdict = ls_ranges_read((struct ls_slice) { copy, rest.len }, length, &ranges);
    FUZZ_CHECK(verdict == 0 || verdict == 206 || verdict == 416);
    if (verdict == 206)
        check_sound(&ranges, length);
    free(copy);
    return 0;
}
