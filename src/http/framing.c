#include "http/framing.h"

#include "http/uri.h"

/* Takes the next element off a comma-separated list (RFC 9110 5.6.1); false at its end. */
static bool next_element(struct ls_slice *list, struct ls_slice *element)
{
    if (!list->at)
        return false;
    size_t end = ls_slice_find(*list, 0, ',');
    *element = ls_slice_trim((struct ls_slice) { list->at, end });
    if (end == list->len)
        *list = (struct ls_slice) { NULL, 0 };
    else
        *list = ls_slice_from(*list, end + 1);
    return true;
}

static int host(struct ls_head *h, const char *base, const struct ls_field *field)
{
    h->host = field->value;
    if (h->host_count++ > 0 || !ls_host_valid(ls_span_slice(base, field->value)))
        return -400;
    return 0;
}

static int content_length(struct ls_head *h, const char *base, const struct ls_field *field)
{
    if (h->has_content_length ||
        ls_slice_to_u64(ls_span_slice(base, field->value), &h->content_length) < 0 ||
        h->content_length > INT64_MAX)
        return -400;
    h->has_content_length = true;
    return 0;
}

/* te_bad: a coding that we do not know has been named. RFC 9110 5.6.1.2 would pass over empty list
 * elements; here they are refused, since servers differ on them, and smuggling lives on that. */
static int transfer_encoding(struct ls_head *h, const char *base, const struct ls_field *field)
{
    struct ls_slice list = ls_span_slice(base, field->value), coding;
    while (next_element(&list, &coding)) {
        if (coding.len == 0 || h->chunked) /* nothing may follow chunked */
            return -400;
        h->te_count = 1;
        if (ls_slice_equal_nocase(coding, LS_SLICE("chunked")))
            h->chunked = true;
        else
            h->te_bad = 1;
    }
    return 0;
}

static int connection(struct ls_head *h, const char *base, const struct ls_field *field)
{
    struct ls_slice list = ls_span_slice(base, field->value), option;
    while (next_element(&list, &option)) {
        h->connection_close |= ls_slice_equal_nocase(option, LS_SLICE("close"));
        h->connection_keep_alive |= ls_slice_equal_nocase(option, LS_SLICE("keep-alive"));
    }
    return 0;
}

static int expect(struct ls_head *h, const char *base, const struct ls_field *field)
{
    if (!ls_slice_equal_nocase(ls_span_slice(base, field->value), LS_SLICE("100-continue")))
        return -417;
    h->expect_continue = h->minor > 0;
    return 0;
}

static bool named(struct ls_slice name, struct ls_slice wanted)
{
    return ls_slice_equal_nocase(name, wanted);
}

/* Most fields are none of these, and their length says so. */
int ls_framing_field(struct ls_head *h, const char *base, const struct ls_field *field)
{
    struct ls_slice name = ls_span_slice(base, field->name);
    switch (name.len) {
    case 4:
        return named(name, LS_SLICE("host")) ? host(h, base, field) : 0;
    case 6:
        return named(name, LS_SLICE("expect")) ? expect(h, base, field) : 0;
    case 10:
        return named(name, LS_SLICE("connection")) ? connection(h, base, field) : 0;
    case 14:
        return named(name, LS_SLICE("content-length")) ? content_length(h, base, field) : 0;
    case 17:
        return named(name, LS_SLICE("transfer-encoding")) ? transfer_encoding(h, base, field) : 0;
    default:
        return 0;
    }
}

int ls_framing_decide(struct ls_head *h, const char *base)
{
    (void)base;
    if (h->minor > 0 && h->host_count == 0)
        return -400;
    if (h->te_count > 0 && (h->has_content_length || h->minor == 0 || !h->chunked))
        return -400;
    if (h->te_bad)
        return -501;
    h->keep_alive = !h->connection_close && (h->minor > 0 || h->connection_keep_alive);
    return 0;
}
