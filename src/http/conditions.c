#include "http/conditions.h"

#include "http/date.h"

/* Takes an entity-tag off the front of a list: [ W/ ] opaque-tag. False where there is none. */
static bool next_tag(struct ls_slice *list, struct ls_slice *opaque, bool *weak)
{
    size_t at = 0;
    while (at < list->len && (list->at[at] == ' ' || list->at[at] == '\t' || list->at[at] == ','))
        at++;
    *list = ls_slice_from(*list, at);
    *weak = ls_slice_starts(*list, LS_SLICE("W/"));
    if (*weak)
        *list = ls_slice_from(*list, 2);
    if (list->len < 2 || list->at[0] != '"')
        return false;
    size_t end = ls_slice_find(*list, 1, '"');
    if (end == list->len)
        return false;
    *opaque = (struct ls_slice) { list->at, end + 1 };
    *list = ls_slice_from(*list, end + 1);
    return true;
}

static bool list_names(struct ls_slice list, struct ls_slice etag, bool strong)
{
    struct ls_slice opaque;
    bool weak;
    if (ls_slice_equal(list, LS_SLICE("*")))
        return true;
    while (next_tag(&list, &opaque, &weak))
        if (ls_slice_equal(opaque, etag) && !(strong && weak))
            return true;
    return false;
}

/* Does any field of that name name the tag? *there: is there any such field? */
static bool fields_name(const struct ls_head *h, const char *base, struct ls_slice name,
                        struct ls_slice etag, bool strong, bool *there)
{
    bool named = false;
    uint32_t i = ls_head_find(h, base, 0, name);
    *there = i < h->count;
    for (; i < h->count && !named; i = ls_head_find(h, base, i + 1, name))
        named = list_names(ls_span_slice(base, h->fields[i].value), etag, strong);
    return named;
}

/* The date of a field; false when it is not there, or is no date. */
static bool field_date(const struct ls_head *h, const char *base, struct ls_slice name, int64_t now,
                       int64_t *seconds)
{
    struct ls_slice value = ls_head_value(h, base, name);
    return value.at && ls_date_parse(value, now, seconds) == 0;
}

int ls_conditions_check(const struct ls_head *h, const char *base,
                        const struct ls_validators *current, int64_t now)
{
    bool there;
    int64_t date;
    bool named = fields_name(h, base, LS_SLICE("if-match"), current->etag, true, &there);
    if (there && !named)
        return 412;
    if (!there && field_date(h, base, LS_SLICE("if-unmodified-since"), now, &date) &&
        current->modified > date)
        return 412;
    named = fields_name(h, base, LS_SLICE("if-none-match"), current->etag, false, &there);
    if (there)
        return named ? 304 : 0;
    if (field_date(h, base, LS_SLICE("if-modified-since"), now, &date) && current->modified <= date)
        return 304;
    return 0;
}
