#include "http/head.h"

#include <string.h>

#include "http/chars.h"
#include "http/framing.h"

/* Where the next line belongs. */
enum state { REQUEST_LINE, FIELDS };

enum { EMPTY_LINES = 4 }; /* that may stand before a request (RFC 9112 2.2: at least one) */

void ls_head_reset(struct ls_head *h)
{
    *h = (struct ls_head) { .fields = h->fields };
}

static struct ls_span span(size_t at, size_t len)
{
    return (struct ls_span) { (uint32_t)at, (uint32_t)len };
}

/* ---- request line: method SP request-target SP HTTP-version (RFC 9112 3) ---- */

static int version(struct ls_head *h, struct ls_slice text)
{
    if (text.len != 8 || !ls_slice_starts(text, LS_SLICE("HTTP/")) || text.at[6] != '.')
        return -400;
    unsigned major = (unsigned char)text.at[5] - (unsigned)'0';
    unsigned minor = (unsigned char)text.at[7] - (unsigned)'0';
    if (major > 9 || minor > 9)
        return -400;
    h->minor = minor == 0 ? 0 : 1;
    return major == 1 ? 0 : -505;
}

static int request_line(struct ls_head *h, const char *bytes, struct ls_slice line)
{
    size_t start = (size_t)(line.at - bytes);
    size_t method = 0, end;
    while (method < line.len && ls_char_token((unsigned char)line.at[method]))
        method++;
    if (method == 0 || method == line.len || line.at[method] != ' ')
        return -400;
    h->method_token = span(start, method);
    h->method = ls_method_of((struct ls_slice) { line.at, method });
    end = method + 1;
    while (end < line.len && ls_char_target((unsigned char)line.at[end]))
        end++;
    if (end == method + 1 || end == line.len || line.at[end] != ' ')
        return -400;
    h->target = span(start + method + 1, end - method - 1);
    return version(h, ls_slice_from(line, end + 1));
}

/* ---- field line: field-name ":" OWS field-value OWS (RFC 9112 5) ---- */

static int field_line(struct ls_head *h, const struct ls_head_limits *limits, const char *bytes,
                      struct ls_slice line)
{
    size_t start = (size_t)(line.at - bytes), name = 0;
    while (name < line.len && ls_char_token((unsigned char)line.at[name]))
        name++;
    if (name == 0 || name == line.len || line.at[name] != ':')
        return -400;
    struct ls_slice value = ls_slice_from(line, name + 1);
    if (ls_chars_value(value) != value.len)
        return -400;
    if (h->count == limits->count)
        return -431;
    value = ls_slice_trim(value);
    h->fields[h->count] =
        (struct ls_field) { span(start, name), span((size_t)(value.at - bytes), value.len) };
    return ls_framing_field(h, bytes, &h->fields[h->count++]);
}

/* ---- lines ---- */

/* A complete line. 1: the head ends with it; 0: it goes on; -status. */
static int take_line(struct ls_head *h, const struct ls_head_limits *limits, const char *bytes,
                     struct ls_slice line)
{
    int err;
    if (h->state == FIELDS) {
        if (line.len == 0)
            return 1;
        return field_line(h, limits, bytes, line);
    }
    if (line.len == 0 && h->line_start < EMPTY_LINES * 2)
        return 0;
    if (line.len > limits->line)
        return -414;
    err = request_line(h, bytes, line);
    h->state = FIELDS;
    h->section_start = (uint32_t)(line.at - bytes + (ptrdiff_t)line.len + 2);
    return err;
}

/* The beginning of a request line that can never become one: another protocol. */
static bool hopeless(const struct ls_head *h, const char *bytes, size_t len)
{
    size_t at = h->line_start;
    if (h->state != REQUEST_LINE || at == len)
        return false;
    if (bytes[at] == '\r')
        return at >= EMPTY_LINES * 2 || (len > at + 1 && bytes[at + 1] != '\n');
    while (at < len && ls_char_token((unsigned char)bytes[at]))
        at++;
    return at < len && (bytes[at] != ' ' || at == h->line_start);
}

/* The bounds, for a line that is still coming as well: `end` is how far it has come. What is
 * hopeless has to show before the line is too long, in whatever pieces it comes. */
static int bounds(const struct ls_head *h, const struct ls_head_limits *limits, const char *bytes,
                  size_t end)
{
    size_t most = (size_t)limits->line + 2;
    bool over = end - h->line_start > most;
    if (h->state == FIELDS)
        return end - h->section_start > limits->headers ? -431 : 0;
    if (hopeless(h, bytes, over ? h->line_start + most + 1 : end))
        return -400;
    return over ? -414 : 0;
}

int32_t ls_head_parse(struct ls_head *h, const struct ls_head_limits *limits, const char *bytes,
                      size_t len)
{
    const char *feed;
    while ((feed = memchr(bytes + h->seen, '\n', len - h->seen)) != NULL) {
        size_t end = (size_t)(feed - bytes);
        int err = bounds(h, limits, bytes, end + 1);
        if (err < 0)
            return err;
        if (end == h->line_start || bytes[end - 1] != '\r')
            return -400;
        int last = take_line(h, limits, bytes,
                             (struct ls_slice) { bytes + h->line_start, end - 1 - h->line_start });
        if (last < 0)
            return last;
        h->line_start = h->seen = (uint32_t)end + 1;
        if (last > 0) {
            err = ls_framing_decide(h, bytes);
            return err < 0 ? err : (int32_t)h->seen;
        }
    }
    h->seen = (uint32_t)len;
    return bounds(h, limits, bytes, len);
}

uint32_t ls_head_find(const struct ls_head *h, const char *base, uint32_t start,
                      struct ls_slice name)
{
    uint32_t i = start;
    while (i < h->count && !(h->fields[i].name.len == name.len &&
                             ls_slice_equal_nocase(ls_span_slice(base, h->fields[i].name), name)))
        i++;
    return i;
}

struct ls_slice ls_head_value(const struct ls_head *h, const char *base, struct ls_slice name)
{
    uint32_t i = ls_head_find(h, base, 0, name);
    return i < h->count ? ls_span_slice(base, h->fields[i].value) : (struct ls_slice) { NULL, 0 };
}
