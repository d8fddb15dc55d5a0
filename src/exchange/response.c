#include "exchange/response.h"

#include <errno.h>

#include "http/chars.h"
#include "http/status.h"

static bool is_token(struct ls_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ls_char_token((unsigned char)name.at[i]))
            return false;
    return name.len > 0;
}

/* Framing and the connection are the server's business: a second opinion could split a response. */
static bool is_ours(struct ls_slice name)
{
    static const struct ls_slice ours[] = { { "content-length", 14 }, { "transfer-encoding", 17 },
                                            { "connection", 10 },     { "date", 4 },
                                            { "x-request-id", 12 },   { "keep-alive", 10 },
                                            { "trailer", 7 },         { "proxy-connection", 16 },
                                            { "upgrade", 7 } };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (ls_slice_equal_nocase(name, ours[i]))
            return true;
    return false;
}

static void add_line(struct ls_buffer *out, struct ls_slice name, struct ls_slice value)
{
    ls_buffer_slice(out, name);
    ls_buffer_append(out, ": ", 2);
    ls_buffer_slice(out, value);
    ls_buffer_append(out, "\r\n", 2);
}

int ls_response_check(struct ls_slice name, struct ls_slice value)
{
    if (!is_token(name) || ls_chars_value(value) != value.len)
        return -EINVAL;
    return is_ours(name) ? -EPERM : 0;
}

int ls_response_field(struct ls_response *r, struct ls_slice name, struct ls_slice value)
{
    int err = ls_response_check(name, value);
    if (err < 0)
        return err;
    value = ls_slice_trim(value);
    if (ls_slice_equal_nocase(name, LS_SLICE("content-type"))) {
        ls_buffer_clear(&r->type);
        ls_buffer_slice(&r->type, value);
        return 0;
    }
    add_line(&r->fields, name, value);
    return 0;
}

bool ls_response_has(const struct ls_response *r, struct ls_slice name)
{
    struct ls_slice rest = { r->fields.at, r->fields.len };
    if (ls_slice_equal_nocase(name, LS_SLICE("content-type")))
        return r->type.len > 0;
    while (rest.len > 0) {
        struct ls_slice line = { rest.at, ls_slice_find(rest, 0, '\n') };
        struct ls_slice its = { line.at, ls_slice_find(line, 0, ':') };
        if (ls_slice_equal_nocase(its, name))
            return true;
        rest = ls_slice_from(rest, line.len + 1);
    }
    return false;
}

static void add_status_line(struct ls_buffer *out, int status)
{
    ls_buffer_text(out, "HTTP/1.1 ");
    ls_buffer_decimal(out, (uint64_t)status);
    ls_buffer_byte(out, ' ');
    ls_buffer_slice(out, ls_status_reason(status));
    ls_buffer_append(out, "\r\n", 2);
}

static void add_framing(struct ls_buffer *out, const struct ls_framing *f)
{
    if (f->chunked) {
        ls_buffer_text(out, "Transfer-Encoding: chunked\r\n");
    } else if (f->has_length) {
        ls_buffer_text(out, "Content-Length: ");
        ls_buffer_decimal(out, f->length);
        ls_buffer_append(out, "\r\n", 2);
    }
    if (f->upgrade)
        ls_buffer_printf(out, "Upgrade: %s\r\nConnection: Upgrade%s\r\n", f->upgrade,
                         f->close && f->status != 101 ? ", close" : "");
    else if (f->close)
        ls_buffer_text(out, "Connection: close\r\n");
    else if (f->keep_alive)
        ls_buffer_text(out, "Connection: keep-alive\r\n");
}

void ls_response_head(const struct ls_response *r, const struct ls_framing *f,
                      struct ls_buffer *out)
{
    add_status_line(out, f->status);
    add_line(out, LS_SLICE("Date"), f->date);
    ls_buffer_append(out, r->fields.at, r->fields.len);
    if (r->type.len > 0)
        add_line(out, LS_SLICE("Content-Type"), (struct ls_slice) { r->type.at, r->type.len });
    add_framing(out, f);
    add_line(out, LS_SLICE("X-Request-Id"), f->id);
    ls_buffer_append(out, "\r\n", 2);
    out->failed |= r->fields.failed || r->type.failed;
}

void ls_response_reset(struct ls_response *r)
{
    ls_buffer_clear(&r->fields);
    ls_buffer_clear(&r->type);
}

void ls_response_free(struct ls_response *r)
{
    ls_buffer_free(&r->fields);
    ls_buffer_free(&r->type);
}

static struct ls_slice reference(char byte)
{
    switch (byte) {
    case '&':
        return LS_SLICE("&amp;");
    case '<':
        return LS_SLICE("&lt;");
    case '>':
        return LS_SLICE("&gt;");
    case '"':
        return LS_SLICE("&quot;");
    case '\'':
        return LS_SLICE("&#39;");
    default:
        return (struct ls_slice) { NULL, 0 };
    }
}

void ls_escape_html(struct ls_slice text, struct ls_buffer *out)
{
    size_t plain = 0;
    for (size_t i = 0; i < text.len; i++) {
        struct ls_slice escaped = reference(text.at[i]);
        if (!escaped.at)
            continue;
        ls_buffer_append(out, text.at + plain, i - plain);
        ls_buffer_slice(out, escaped);
        plain = i + 1;
    }
    ls_buffer_append(out, text.at + plain, text.len - plain);
}

void ls_response_page(int status, struct ls_slice id, const char *detail, struct ls_buffer *out)
{
    struct ls_slice reason = ls_status_reason(status);
    ls_buffer_printf(out,
                     "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                     "<title>%d %.*s</title>\n<h1>%d %.*s</h1>\n",
                     status, (int)reason.len, reason.at, status, (int)reason.len, reason.at);
    if (detail) {
        ls_buffer_text(out, "<pre>");
        ls_escape_html(ls_slice_of(detail), out);
        ls_buffer_text(out, "</pre>\n");
    }
    if (id.len > 0)
        ls_buffer_printf(out, "<p>Incident %.*s</p>\n", (int)id.len, id.at);
}
