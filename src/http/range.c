#include "http/range.h"

/* A range-spec as it stands there; a number too big to keep counts as the biggest. */
struct spec {
    bool has_first, has_last;
    uint64_t first, last;
};

/* Takes digits off the front; false if there are none. */
static bool take_number(struct ls_slice *text, uint64_t *number)
{
    size_t len = 0;
    *number = 0;
    for (; len < text->len && text->at[len] >= '0' && text->at[len] <= '9'; len++) {
        unsigned digit = (unsigned)(text->at[len] - '0');
        bool fits = *number <= (UINT64_MAX - digit) / 10;
        *number = fits ? *number * 10 + digit : UINT64_MAX;
    }
    *text = ls_slice_from(*text, len);
    return len > 0;
}

/* int-range or suffix-range (RFC 9110 14.1.1) and nothing behind it. */
static bool read_spec(struct ls_slice text, struct spec *s)
{
    s->has_first = take_number(&text, &s->first);
    if (text.len == 0 || text.at[0] != '-')
        return false;
    text = ls_slice_from(text, 1);
    s->has_last = take_number(&text, &s->last);
    if (text.len > 0 || (!s->has_first && !s->has_last))
        return false;
    return !s->has_first || !s->has_last || s->first <= s->last;
}

/* What of it there is in `length` bytes; len 0: nothing. */
static struct ls_range resolve(const struct spec *s, uint64_t length)
{
    struct ls_range r = { 0, 0 };
    if (!s->has_first) {
        r.len = s->last < length ? s->last : length;
        r.first = length - r.len;
    } else if (s->first < length) {
        uint64_t last = s->has_last && s->last < length ? s->last : length - 1;
        r = (struct ls_range) { s->first, last - s->first + 1 };
    }
    return r;
}

static bool touches(const struct ls_range *a, const struct ls_range *b)
{
    return a->first <= b->first + b->len && b->first <= a->first + a->len;
}

static struct ls_range join(const struct ls_range *a, const struct ls_range *b)
{
    uint64_t first = a->first < b->first ? a->first : b->first;
    uint64_t a_end = a->first + a->len, b_end = b->first + b->len;
    return (struct ls_range) { first, (a_end > b_end ? a_end : b_end) - first };
}

/* In the place of the first one that it touches, with all others that it then touches. */
static bool add(struct ls_ranges *ranges, struct ls_range r)
{
    uint32_t place = ranges->count, kept = 0;
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (!touches(&ranges->at[i], &r))
            continue;
        r = join(&ranges->at[i], &r);
        place = i < place ? i : place;
    }
    if (place == LS_RANGES)
        return false;
    for (uint32_t i = 0; i < ranges->count; i++)
        if (i == place || !touches(&ranges->at[i], &r))
            ranges->at[kept++] = ranges->at[i];
    ranges->count = place < kept ? kept : place + 1;
    ranges->at[place] = r;
    return true;
}

static struct ls_slice take_element(struct ls_slice *list)
{
    size_t comma = ls_slice_find(*list, 0, ',');
    struct ls_slice element = { list->at, comma };
    *list = ls_slice_from(*list, comma < list->len ? comma + 1 : comma);
    return ls_slice_trim(element);
}

int ls_ranges_read(struct ls_slice value, uint64_t length, struct ls_ranges *ranges)
{
    struct spec spec;
    bool asked = false;
    size_t equals = ls_slice_find(value, 0, '=');
    struct ls_slice unit = { value.at, equals };
    ranges->count = 0;
    if (equals == value.len || !ls_slice_equal_nocase(unit, LS_SLICE("bytes")))
        return 0;
    for (struct ls_slice list = ls_slice_from(value, equals + 1); list.len > 0;) {
        struct ls_slice element = take_element(&list);
        if (element.len == 0) /* RFC 9110 5.6.1.2 */
            continue;
        if (!read_spec(element, &spec) || (!spec.has_first && spec.last > 0 && length == 0))
            return 0;
        struct ls_range r = resolve(&spec, length);
        asked = true;
        if (r.len > 0 && !add(ranges, r))
            return 0;
    }
    if (!asked)
        return 0;
    return ranges->count > 0 ? 206 : 416;
}
