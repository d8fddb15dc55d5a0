#include "http/accept.h"

/* How well an element of the list names what is looked for. */
enum match { NONE, ANY, GROUP, NAMED };

typedef enum match matcher(struct ls_slice element, struct ls_slice wanted);

/* Up to `end`, which is taken off too. */
static struct ls_slice take(struct ls_slice *text, char end)
{
    size_t len = ls_slice_find(*text, 0, end);
    struct ls_slice part = { text->at, len };
    *text = ls_slice_from(*text, len < text->len ? len + 1 : len);
    return ls_slice_trim(part);
}

/* qvalue: "0" or "1" with up to three decimals. A thing that is none counts as 0: what cannot be
 * read does not get anything sent that was perhaps refused. */
static unsigned quality(struct ls_slice text)
{
    unsigned q = 0, scale = LS_QUALITY_MOST;
    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.at[1] != '.'))
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 1)
            continue;
        if (text.at[i] < '0' || text.at[i] > '9')
            return 0;
        q += (unsigned)(text.at[i] - '0') * scale;
        scale /= 10;
    }
    return q > LS_QUALITY_MOST ? 0 : q;
}

/* The weight among the parameters of an element; 1000 without one. */
static unsigned weight(struct ls_slice parameters)
{
    while (parameters.len > 0) {
        struct ls_slice value = take(&parameters, ';'), name = take(&value, '=');
        if (ls_slice_equal_nocase(name, LS_SLICE("q")))
            return quality(value);
    }
    return LS_QUALITY_MOST;
}

struct verdict {
    enum match match;
    unsigned quality;
    bool there; /* the field */
};

static void judge(struct ls_slice list, struct ls_slice wanted, matcher *matches, struct verdict *v)
{
    while (list.len > 0) {
        struct ls_slice parameters = take(&list, ','), element = take(&parameters, ';');
        enum match match = matches(element, wanted);
        if (match <= v->match)
            continue;
        v->match = match;
        v->quality = weight(parameters);
    }
}

static struct verdict look(const struct ls_head *h, const char *base, struct ls_slice field,
                           struct ls_slice wanted, matcher *matches)
{
    struct verdict v = { NONE, 0, false };
    for (uint32_t i = ls_head_find(h, base, 0, field); i < h->count;
         i = ls_head_find(h, base, i + 1, field)) {
        v.there = true;
        judge(ls_span_slice(base, h->fields[i].value), wanted, matches, &v);
    }
    return v;
}

/* ---- codings ---- */

static enum match match_coding(struct ls_slice element, struct ls_slice wanted)
{
    if (ls_slice_equal_nocase(element, LS_SLICE("x-gzip")))
        element = LS_SLICE("gzip");
    if (ls_slice_equal_nocase(element, wanted))
        return NAMED;
    return ls_slice_equal(element, LS_SLICE("*")) ? ANY : NONE;
}

unsigned ls_accept_coding(const struct ls_head *h, const char *base, struct ls_slice coding)
{
    struct verdict v = look(h, base, LS_SLICE("accept-encoding"), coding, match_coding);
    if (v.match == NONE)
        return ls_slice_equal(coding, LS_SLICE("identity")) ? 1 : 0;
    return v.quality;
}

/* ---- media types ---- */

static enum match match_type(struct ls_slice element, struct ls_slice wanted)
{
    size_t slash = ls_slice_find(wanted, 0, '/');
    if (ls_slice_equal_nocase(element, wanted))
        return NAMED;
    if (ls_slice_equal(element, LS_SLICE("*/*")))
        return ANY;
    bool group = element.len == slash + 2 && ls_slice_ends(element, LS_SLICE("/*")) &&
                 ls_slice_equal_nocase((struct ls_slice) { element.at, slash },
                                       (struct ls_slice) { wanted.at, slash });
    return group ? GROUP : NONE;
}

unsigned ls_accept_type(const struct ls_head *h, const char *base, struct ls_slice type)
{
    struct verdict v = look(h, base, LS_SLICE("accept"), type, match_type);
    return v.there ? v.quality : LS_QUALITY_MOST;
}
