#include "exchange/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/answer.h"
#include "http/accept.h"
#include "http/chars.h"
#include "http/date.h"
#include "os/folder.h"
#include "os/sys.h"

struct name {
    struct ls_file_entry is;
    const char *text;
};

struct listing {
    const struct ls_www *www;
    const struct ls_target *target; /* beneath www */
    const struct ls_target *shown;  /* as the client asked */
    struct name *names;
    size_t count, cap;
    int err;
};

/* ---- gathering ---- */

static bool make_room(struct listing *l)
{
    size_t cap = l->cap ? l->cap * 2 : 64;
    if (l->count < l->cap)
        return true;
    struct name *names = realloc(l->names, cap * sizeof *names);
    if (!names)
        return false;
    l->names = names;
    l->cap = cap;
    return true;
}

static bool gather(void *ctx, const char *text, int type)
{
    struct listing *l = ctx;
    struct name name;
    (void)type; /* of the link, where it is one */
    if (!ls_file_entry(l->www, l->target, text, &name.is))
        return true;
    name.text = make_room(l) ? strdup(text) : NULL;
    if (name.text)
        l->names[l->count++] = name;
    if (!name.text)
        l->err = -ENOMEM;
    else if (l->count > LS_LISTING)
        l->err = -E2BIG;
    return l->err == 0;
}

static int compare(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (x->is.folder != y->is.folder)
        return x->is.folder ? -1 : 1;
    return strcmp(x->text, y->text);
}

static void free_names(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free((char *)l->names[i].text);
    free(l->names);
}

/* ---- text ---- */

static const struct ls_slice replacement = { "\xef\xbf\xbd", 3 }; /* U+FFFD */

/* Bytes of the character at the front; 0 when there is no well-formed one. */
static size_t character(struct ls_slice text)
{
    for (size_t len = 1; len <= 4 && len <= text.len; len++)
        if (ls_chars_utf8((struct ls_slice) { text.at, len }))
            return len;
    return 0;
}

/* Each byte that is part of no character, and each control character, as U+FFFD: neither HTML nor
 * a reader's terminal would have them. */
static void append_readable(struct ls_buffer *b, struct ls_slice text)
{
    while (text.len > 0) {
        size_t len = character(text);
        unsigned char first = (unsigned char)text.at[0];
        bool plain = len > 0 && first >= 0x20 && first != 0x7f;
        ls_buffer_slice(b, plain ? (struct ls_slice) { text.at, len } : replacement);
        text = ls_slice_from(text, len > 0 ? len : 1);
    }
}

static void append_html(struct ls_buffer *b, struct ls_slice text)
{
    struct ls_buffer readable = { 0 };
    append_readable(&readable, text);
    ls_escape_html((struct ls_slice) { readable.at, readable.len }, b);
    b->failed |= readable.failed;
    ls_buffer_free(&readable);
}

static void append_json(struct ls_buffer *b, struct ls_slice text)
{
    ls_buffer_byte(b, '"');
    while (text.len > 0) {
        size_t len = character(text);
        unsigned char first = (unsigned char)text.at[0];
        if (len == 0)
            ls_buffer_slice(b, replacement);
        else if (first < 0x20)
            ls_buffer_printf(b, "\\u%04x", first);
        else if (first == '"' || first == '\\')
            ls_buffer_printf(b, "\\%c", first);
        else
            ls_buffer_append(b, text.at, len);
        text = ls_slice_from(text, len > 0 ? len : 1);
    }
    ls_buffer_byte(b, '"');
}

static bool is_unreserved(char c) /* RFC 3986 2.3 */
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("-._~", c, 4);
}

static void append_href(struct ls_buffer *b, const struct name *name)
{
    for (const char *c = name->text; *c; c++) {
        if (is_unreserved(*c))
            ls_buffer_byte(b, *c);
        else
            ls_buffer_printf(b, "%%%02X", (unsigned char)*c);
    }
    if (name->is.folder)
        ls_buffer_byte(b, '/');
}

/* ---- the page ---- */

static void append_path(struct ls_buffer *b, const struct ls_target *target)
{
    ls_buffer_byte(b, '/');
    for (uint32_t i = 0; i < target->count; i++) {
        append_html(b, target->segments[i]);
        ls_buffer_byte(b, '/');
    }
}

static void append_row(struct ls_buffer *b, const struct name *name)
{
    struct ls_slice text = ls_slice_of(name->text);
    char date[LS_DATE_ISO_LEN];
    bool linked = ls_chars_utf8(text);
    ls_date_format_iso(name->is.modified, date);
    ls_buffer_text(b, "<tr><td>");
    if (linked) {
        ls_buffer_text(b, "<a href=\"");
        append_href(b, name);
        ls_buffer_text(b, "\">");
    }
    append_html(b, text);
    ls_buffer_text(b, name->is.folder ? "/" : "");
    ls_buffer_text(b, linked ? "</a>" : "");
    ls_buffer_printf(b, "<td><time>%.*s</time><td>", LS_DATE_ISO_LEN, date);
    if (!name->is.folder)
        ls_buffer_decimal(b, name->is.size);
    ls_buffer_byte(b, '\n');
}

static void write_html(const struct listing *l, struct ls_buffer *b)
{
    ls_buffer_text(b, "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width\">\n"
                      "<style>body{font-family:sans-serif;margin:2em}td{padding:.1em 1em .1em 0}"
                      "td+td+td{text-align:right}</style>\n<title>");
    append_path(b, l->shown);
    ls_buffer_text(b, "</title>\n<h1>");
    append_path(b, l->shown);
    ls_buffer_text(b, "</h1>\n<table>\n");
    if (l->target->count > 0)
        ls_buffer_text(b, "<tr><td><a href=\"../\">../</a>\n");
    for (size_t i = 0; i < l->count; i++)
        append_row(b, &l->names[i]);
    ls_buffer_text(b, "</table>\n");
}

static void write_json(const struct listing *l, struct ls_buffer *b)
{
    char date[LS_DATE_ISO_LEN];
    ls_buffer_byte(b, '[');
    for (size_t i = 0; i < l->count; i++) {
        const struct name *name = &l->names[i];
        struct ls_slice text = ls_slice_of(name->text);
        ls_buffer_text(b, i > 0 ? ",\n{\"name\":" : "{\"name\":");
        append_json(b, text);
        if (ls_chars_utf8(text)) {
            ls_buffer_text(b, ",\"href\":\"");
            append_href(b, name);
            ls_buffer_byte(b, '"');
        }
        ls_buffer_text(b,
                       name->is.folder ? ",\"type\":\"folder\"" : ",\"type\":\"file\",\"size\":");
        if (!name->is.folder)
            ls_buffer_decimal(b, name->is.size);
        ls_date_format_iso(name->is.modified, date);
        ls_buffer_printf(b, ",\"modified\":\"%.*s\"}", LS_DATE_ISO_LEN, date);
    }
    ls_buffer_text(b, "]\n");
}

/* ---- the answer ---- */

static void answer(struct ls_engine *e, const struct listing *l)
{
    struct ls_buffer text = { 0 };
    bool json = ls_accept_type(&e->head, e->in.at, LS_SLICE("application/json")) >
                ls_accept_type(&e->head, e->in.at, LS_SLICE("text/html"));
    (json ? write_json : write_html)(l, &text);
    ls_response_field(&e->response, LS_SLICE("Content-Type"),
                      json ? LS_SLICE("application/json") : LS_SLICE("text/html; charset=utf-8"));
    ls_response_field(&e->response, LS_SLICE("Vary"), LS_SLICE("Accept"));
    if (text.failed || ls_answer(e, 200, (struct ls_slice) { text.at, text.len }) < 0)
        ls_answer_refuse(e, 503);
    ls_buffer_free(&text);
}

int ls_listing_answer(struct ls_engine *e, const struct ls_www *www, const struct ls_target *target)
{
    struct listing l = { .www = www, .target = target, .shown = &e->target };
    if (!www->listing || !(target->slash || target->count == 0))
        return -404;
    int folder = ls_file_folder(www, target);
    if (folder < 0)
        return folder;
    if (e->head.method != LS_GET && e->head.method != LS_HEAD) {
        ls_sys_close(folder);
        return -405;
    }
    int err = ls_folder_each(folder, gather, &l);
    ls_sys_close(folder);
    if (err == 0 && l.err == 0) {
        qsort(l.names, l.count, sizeof *l.names, compare);
        answer(e, &l);
    } else if (l.err == -E2BIG) {
        ls_answer_page(e, 503, "This folder has too many names to be listed.");
    } else {
        ls_answer_page(e, 503, NULL);
    }
    free_names(&l);
    return 0;
}
