#include "server/units.h"

#include <errno.h>
#include <string.h>

#include "server/config.h"

enum { FRACTION_DIGITS = 9 }; /* that count: a thousandth of a microsecond in an hour */

struct unit {
    const char *suffix;
    uint64_t value;
};

/* Largest first. */
static const struct unit times[] = {
    { "h", 3600000000 }, { "m", 60000000 }, { "s", 1000000 }, { "ms", 1000 }, { "", 1000000 },
};
static const struct unit sizes[] = {
    { "T", (uint64_t)1 << 40 }, { "G", 1 << 30 }, { "M", 1 << 20 }, { "K", 1 << 10 }, { "", 1 },
};

enum { UNITS = sizeof times / sizeof *times };
_Static_assert(sizeof times == sizeof sizes, "as many units of time as of size");

static const struct unit *unit_of(const struct unit *units, struct ls_slice suffix)
{
    for (size_t i = 0; i < UNITS; i++)
        if (ls_slice_equal(suffix, ls_slice_of(units[i].suffix)))
            return &units[i];
    return NULL;
}

static size_t count_digits(struct ls_slice text)
{
    size_t n = 0;
    while (n < text.len && text.at[n] >= '0' && text.at[n] <= '9')
        n++;
    return n;
}

/* "." and digits off the front of `text`, as a billionth; none is 0. False: a point alone. */
static bool take_fraction(struct ls_slice *text, uint64_t *billionths)
{
    *billionths = 0;
    if (!ls_slice_starts(*text, LS_SLICE(".")))
        return true;
    *text = ls_slice_from(*text, 1);
    size_t digits = count_digits(*text);
    for (size_t i = 0; i < FRACTION_DIGITS; i++)
        *billionths = *billionths * 10 + (i < digits ? (uint64_t)(text->at[i] - '0') : 0);
    *text = ls_slice_from(*text, digits);
    return digits > 0;
}

int ls_duration_parse(struct ls_slice text, uint64_t *microseconds)
{
    uint64_t whole, billionths;
    if (text.len == 0)
        return -EINVAL;
    size_t digits = count_digits(text);
    struct ls_slice rest = ls_slice_from(text, digits);
    int err = ls_slice_to_u64((struct ls_slice) { text.at, digits }, &whole);
    const struct unit *unit = take_fraction(&rest, &billionths) ? unit_of(times, rest) : NULL;
    if (err == -EINVAL || !unit)
        return -EINVAL;
    uint64_t part = unit->value * billionths / 1000000000; /* at most 3.6e18 before the division */
    if (err < 0 || whole > (UINT64_MAX - part) / unit->value)
        return -ERANGE;
    *microseconds = whole * unit->value + part;
    return 0;
}

int ls_size_parse(struct ls_slice text, uint64_t *bytes)
{
    uint64_t whole;
    if (text.len == 0)
        return -EINVAL;
    size_t digits = count_digits(text);
    const struct unit *unit = unit_of(sizes, ls_slice_from(text, digits));
    int err = ls_slice_to_u64((struct ls_slice) { text.at, digits }, &whole);
    if (err == -EINVAL || !unit)
        return -EINVAL;
    if (err < 0 || whole > UINT64_MAX / unit->value)
        return -ERANGE;
    *bytes = whole * unit->value;
    return 0;
}

void ls_duration_text(struct ls_buffer *b, uint64_t microseconds)
{
    for (size_t i = 0; i + 1 < UNITS && microseconds > 0; i++) {
        if (microseconds % times[i].value == 0) {
            ls_buffer_decimal(b, microseconds / times[i].value);
            ls_buffer_text(b, times[i].suffix);
            return;
        }
    }
    if (microseconds == 0)
        ls_buffer_byte(b, '0');
    else
        ls_buffer_printf(b, "%.6f", (double)microseconds / 1e6);
}

void ls_size_text(struct ls_buffer *b, uint64_t bytes)
{
    size_t i = 0;
    while (i + 1 < UNITS && (bytes == 0 || bytes % sizes[i].value != 0))
        i++;
    ls_buffer_decimal(b, bytes / sizes[i].value);
    ls_buffer_text(b, sizes[i].suffix);
}
