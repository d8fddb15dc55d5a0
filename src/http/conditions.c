#include "http/conditions.h"

#include "http/chars.h"
#include "http/date.h"

/* What the entity-tag lists of one field name said, taken together (RFC 9110 5.3). */
struct tags {
    const struct ls_validators *current; /* whose entity-tag is looked for */
    bool strong;                         /* weak ones do not match (RFC 9110 8.8.3.2) */
    bool there, named, any, broken;
    uint32_t count;
};

static struct ls_slice skip_blanks(struct ls_slice text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = ls_slice_from(text, 1);
    return text;
}

/* Bytes of the opaque-tag, quotes and all, at the front; 0 if there is none. */
static size_t opaque_tag(struct ls_slice text)
{
    size_t end = 1;
    if (text.len == 0 || text.at[0] != '"')
        return 0;
    while (end < text.len && ls_char_is(LS_CHAR_ETAG, text.at[end]))
        end++;
    return end < text.len && text.at[end] == '"' ? end + 1 : 0;
}

/* Takes "*" or [ "W/" ] opaque-tag off the front of the list. */
static struct ls_slice take_tag(struct ls_slice list, struct tags *tags)
{
    bool weak = ls_slice_starts(list, LS_SLICE("W/"));
    if (weak)
        list = ls_slice_from(list, 2);
    size_t len = opaque_tag(list);
    if (len > 0)
        tags->named |= !(tags->strong && (weak || tags->current->weak)) &&
                       ls_slice_equal((struct ls_slice) { list.at, len }, tags->current->etag);
    else if (!weak && ls_slice_starts(list, LS_SLICE("*")))
        tags->any = true;
    else
        tags->broken = true;
    tags->count++;
    return ls_slice_from(list, len > 0 || tags->broken ? len : 1);
}

/* One field: elements between commas; empty ones are passed over (RFC 9110 5.6.1.2). */
static void take_list(struct ls_slice list, struct tags *tags)
{
    while ((list = skip_blanks(list)).len > 0 && !tags->broken) {
        if (list.at[0] != ',')
            list = skip_blanks(take_tag(list, tags));
        if (list.len > 0 && list.at[0] != ',')
            tags->broken = true;
        else if (list.len > 0)
            list = ls_slice_from(list, 1);
    }
}

/* Does the list hold for the representation? A broken list names nothing, and nor does "*"
 * among others. */
static bool holds(const struct tags *tags)
{
    if (tags->broken || (tags->any && tags->count > 1))
        return false;
    return tags->named || tags->any;
}

static struct tags read_tags(const struct ls_head *h, const char *base, struct ls_slice name,
                             const struct ls_validators *current, bool strong)
{
    struct tags tags = { .current = current, .strong = strong };
    for (uint32_t i = ls_head_find(h, base, 0, name); i < h->count;
         i = ls_head_find(h, base, i + 1, name)) {
        tags.there = true;
        take_list(ls_span_slice(base, h->fields[i].value), &tags);
    }
    return tags;
}

/* The date of the only field of that name; false when it is not there, or is no date. */
static bool field_date(const struct ls_head *h, const char *base, struct ls_slice name, int64_t now,
                       int64_t *seconds)
{
    uint32_t i = ls_head_find(h, base, 0, name);
    return i < h->count && ls_head_find(h, base, i + 1, name) == h->count &&
           ls_date_parse(ls_span_slice(base, h->fields[i].value), now, seconds) == 0;
}

int ls_conditions_check(const struct ls_head *h, const char *base,
                        const struct ls_validators *current, int64_t now)
{
    int64_t date;
    struct tags tags = read_tags(h, base, LS_SLICE("if-match"), current, true);
    if (tags.there && !holds(&tags))
        return 412;
    if (!tags.there && field_date(h, base, LS_SLICE("if-unmodified-since"), now, &date) &&
        current->modified > date)
        return 412;
    tags = read_tags(h, base, LS_SLICE("if-none-match"), current, false);
    if (tags.there)
        return holds(&tags) ? 304 : 0;
    if (field_date(h, base, LS_SLICE("if-modified-since"), now, &date) && current->modified <= date)
        return 304;
    return 0;
}

bool ls_conditions_range(const struct ls_head *h, const char *base,
                         const struct ls_validators *current, int64_t now)
{
    int64_t date;
    uint32_t i = ls_head_find(h, base, 0, LS_SLICE("if-range"));
    if (i == h->count)
        return true;
    if (ls_head_find(h, base, i + 1, LS_SLICE("if-range")) < h->count)
        return false; /* who says two things means neither */
    struct ls_slice value = ls_span_slice(base, h->fields[i].value);
    if (value.len > 0 && value.at[0] == '"')
        return !current->weak && ls_slice_equal(value, current->etag);
    return field_date(h, base, LS_SLICE("if-range"), now, &date) && date == current->modified;
}
