/* The head of a request once more, by other means: whole lines, one byte after the other, no
 * state, nothing clever. What it accepts ls_head_parse has to accept, and the reverse, with the
 * same result; only which fault of several is named may differ. */
#ifndef NAIVE_HEAD_H
#define NAIVE_HEAD_H

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "http/head.h"
#include "http/uri.h"

enum { NAIVE_BAD = -1, NAIVE_MORE = 0 };

struct naive {
    struct ls_head h; /* with the caller's fields */
    const char *bytes;
    size_t at, len;
};

static inline bool naive_token(unsigned char c)
{
    return c < 0x80 && c > 0 && (isalnum(c) || strchr("!#$%&'*+-.^_`|~", c));
}

static inline bool naive_target(unsigned char c)
{
    return c > 0x20 && c < 0x7f && !strchr("\"<>\\#", c);
}

static inline bool naive_value(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/* Length of the line without CR LF, the cursor behind it; -1: there is no whole line. */
static inline long naive_line(struct naive *n, const char **line)
{
    for (size_t i = n->at; i + 1 < n->len; i++) {
        if (n->bytes[i] != '\r' || n->bytes[i + 1] != '\n')
            continue;
        *line = n->bytes + n->at;
        long len = (long)(i - n->at);
        n->at = i + 2;
        return len;
    }
    return -1;
}

static inline struct ls_span naive_span(const struct naive *n, const char *from, long len)
{
    return (struct ls_span) { (uint32_t)(from - n->bytes), (uint32_t)len };
}

static inline bool naive_request_line(struct naive *n, const char *line, long len)
{
    long method = 0, target;
    while (method < len && naive_token((unsigned char)line[method]))
        method++;
    if (method == 0 || method == len || line[method] != ' ')
        return false;
    for (target = method + 1; target < len && naive_target((unsigned char)line[target]);)
        target++;
    long rest = len - target;
    if (target == method + 1 || rest != 9 || strncmp(line + target, " HTTP/1.", 8) != 0 ||
        !isdigit((unsigned char)line[len - 1]))
        return false;
    n->h.method_token = naive_span(n, line, method);
    n->h.method = ls_method_of((struct ls_slice) { line, (size_t)method });
    n->h.target = naive_span(n, line + method + 1, target - method - 1);
    n->h.minor = line[len - 1] != '0';
    return true;
}

static inline bool naive_is(const struct naive *n, const struct ls_field *f, const char *name)
{
    return f->name.len == strlen(name) &&
           strncasecmp(n->bytes + f->name.at, name, f->name.len) == 0;
}

static inline bool naive_codings(struct naive *n, const char *at, size_t len, bool *unknown)
{
    for (size_t from = 0; from <= len;) {
        size_t to = from;
        while (to < len && at[to] != ',')
            to++;
        struct ls_slice coding = ls_slice_trim((struct ls_slice) { at + from, to - from });
        if (coding.len == 0 || n->h.chunked)
            return false;
        if (coding.len == 7 && strncasecmp(coding.at, "chunked", 7) == 0)
            n->h.chunked = true;
        else
            *unknown = true;
        from = to + 1;
    }
    return true;
}

static inline bool naive_option(struct ls_slice list, const char *option)
{
    for (size_t from = 0; from <= list.len;) {
        size_t to = from;
        while (to < list.len && list.at[to] != ',')
            to++;
        struct ls_slice part = ls_slice_trim((struct ls_slice) { list.at + from, to - from });
        if (part.len == strlen(option) && strncasecmp(part.at, option, part.len) == 0)
            return true;
        from = to + 1;
    }
    return false;
}

static inline bool naive_length(struct ls_slice text, uint64_t *length)
{
    *length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || *length > INT64_MAX / 10)
            return false;
        *length = *length * 10 + (uint64_t)(text.at[i] - '0');
    }
    return text.len > 0 && *length <= INT64_MAX;
}

/* What all fields together say of connection and body. */
static inline bool naive_framing(struct naive *n)
{
    int hosts = 0, lengths = 0, encodings = 0;
    bool close = false, keep = false, unknown = false;
    for (uint32_t i = 0; i < n->h.count; i++) {
        const struct ls_field *f = &n->h.fields[i];
        struct ls_slice value = ls_span_slice(n->bytes, f->value);
        if (naive_is(n, f, "host") && (hosts++ > 0 || !ls_host_valid(value)))
            return false;
        if (naive_is(n, f, "content-length") &&
            (lengths++ > 0 || !naive_length(value, &n->h.content_length)))
            return false;
        if (naive_is(n, f, "transfer-encoding") &&
            (encodings++, !naive_codings(n, value.at, value.len, &unknown)))
            return false;
        if (naive_is(n, f, "expect") &&
            (value.len != 12 || strncasecmp(value.at, "100-continue", 12) != 0))
            return false;
        if (naive_is(n, f, "expect"))
            n->h.expect_continue = n->h.minor > 0;
        if (naive_is(n, f, "connection")) {
            close |= naive_option(value, "close");
            keep |= naive_option(value, "keep-alive");
        }
    }
    n->h.has_content_length = lengths > 0;
    n->h.keep_alive = !close && (n->h.minor > 0 || keep);
    if (n->h.minor > 0 && hosts == 0)
        return false;
    return encodings == 0 || (lengths == 0 && n->h.minor > 0 && n->h.chunked && !unknown);
}

static inline bool naive_field(struct naive *n, const struct ls_head_limits *limits,
                               const char *line, long len)
{
    long colon = 0;
    while (colon < len && naive_token((unsigned char)line[colon]))
        colon++;
    if (colon == 0 || colon == len || line[colon] != ':' || n->h.count == limits->count)
        return false;
    for (long i = colon + 1; i < len; i++)
        if (!naive_value((unsigned char)line[i]))
            return false;
    struct ls_slice value =
        ls_slice_trim((struct ls_slice) { line + colon + 1, (size_t)(len - colon - 1) });
    n->h.fields[n->h.count++] =
        (struct ls_field) { naive_span(n, line, colon), naive_span(n, value.at, (long)value.len) };
    return true;
}

/* Bytes of the head, NAIVE_MORE (its end is not there) or NAIVE_BAD. `fields` has room. */
static inline long naive_head(struct naive *n, const struct ls_head_limits *limits,
                              struct ls_field *fields, const char *bytes, size_t len)
{
    const char *line;
    *n = (struct naive) { .h = { .fields = fields }, .bytes = bytes, .len = len };
    long line_len = naive_line(n, &line);
    for (int empty = 0; line_len == 0 && empty < 4; empty++)
        line_len = naive_line(n, &line);
    if (line_len < 0)
        return NAIVE_MORE;
    if (line_len > (long)limits->line || !naive_request_line(n, line, line_len))
        return NAIVE_BAD;
    size_t section = n->at;
    while ((line_len = naive_line(n, &line)) > 0)
        if (!naive_field(n, limits, line, line_len))
            return NAIVE_BAD;
    if (line_len < 0)
        return NAIVE_MORE;
    if (n->at - section > limits->headers || !naive_framing(n))
        return NAIVE_BAD;
    return (long)n->at;
}

/* Do both mean the same? */
static inline bool naive_same(const struct naive *n, const struct ls_head *h)
{
    const struct ls_head *a = &n->h;
    bool same = a->count == h->count && a->method == h->method && a->minor == h->minor &&
                a->keep_alive == h->keep_alive && a->chunked == h->chunked &&
                a->has_content_length == h->has_content_length &&
                a->content_length == h->content_length &&
                a->expect_continue == h->expect_continue && a->target.at == h->target.at &&
                a->target.len == h->target.len && a->method_token.at == h->method_token.at &&
                a->method_token.len == h->method_token.len;
    for (uint32_t i = 0; same && i < h->count; i++) {
        const struct ls_field *f = &a->fields[i], *g = &h->fields[i];
        same = f->name.at == g->name.at && f->name.len == g->name.len &&
               f->value.len == g->value.len && (f->value.len == 0 || f->value.at == g->value.at);
    }
    return same;
}

#endif
