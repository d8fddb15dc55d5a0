#include "http/uri.h"

#include <arpa/inet.h>
#include <string.h>

#include "http/chars.h"

/* ---- authority ---- */

/* Unreserved, sub-delims, and pct-encoded, which is checked by the caller. */
static bool name_byte(unsigned char byte)
{
    if ((byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z'))
        return true;
    return byte != 0 && memchr("-._~!$&'()*+,;=%", byte, 16) != NULL;
}

static bool reg_name(struct ls_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.at[i];
        if (!name_byte(byte))
            return false;
        if (byte == '%' && (name.len - i < 3 || ls_char_hex((unsigned char)name.at[i + 1]) < 0 ||
                            ls_char_hex((unsigned char)name.at[i + 2]) < 0))
            return false;
    }
    return true;
}

/* The grammar allows names that no resolver knows; they are refused. */
static bool resolvable(struct ls_slice name)
{
    if (name.len == 0)
        return true;
    if (name.at[0] == '.' || name.at[0] == '-')
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (name.at[i] == '.' && name.at[i - 1] == '.')
            return false;
    return true;
}

static bool ip_future(struct ls_slice text)
{
    size_t dot = ls_slice_find(text, 0, '.');
    for (size_t i = 1; i < dot; i++)
        if (ls_char_hex((unsigned char)text.at[i]) < 0)
            return false;
    for (size_t i = dot; i < text.len; i++)
        if (text.at[i] != ':' && (text.at[i] == '%' || !name_byte((unsigned char)text.at[i])))
            return false;
    return dot > 1 && dot + 1 < text.len;
}

/* What stands between "[" and "]". */
static bool ip_literal(struct ls_slice text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (text.len > 0 && (text.at[0] | 0x20) == 'v')
        return ip_future(text);
    if (text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return strlen(copy) == text.len && inet_pton(AF_INET6, copy, &address) == 1;
}

static bool port(struct ls_slice text)
{
    uint64_t number = 0;
    return text.len == 0 || (ls_slice_to_u64(text, &number) == 0 && number <= 65535);
}

bool ls_host_valid(struct ls_slice host)
{
    size_t end;
    if (host.len > 0 && host.at[0] == '[') {
        end = ls_slice_find(host, 0, ']');
        if (end == host.len || !ip_literal((struct ls_slice) { host.at + 1, end - 1 }))
            return false;
        end++;
    } else {
        end = ls_slice_find(host, 0, ':');
        struct ls_slice name = { host.at, end };
        if (!reg_name(name) || !resolvable(name) || (end == 0 && host.len > 0))
            return false;
    }
    if (end == host.len)
        return true;
    return host.at[end] == ':' && port(ls_slice_from(host, end + 1));
}

/* ---- segments ---- */

static int decode_segment(struct ls_slice segment, char **store, struct ls_slice *out)
{
    char *to = *store;
    for (size_t i = 0; i < segment.len; i++) {
        char byte = segment.at[i];
        if (byte == '%') {
            int high = segment.len - i > 2 ? ls_char_hex((unsigned char)segment.at[i + 1]) : -1;
            int low = high >= 0 ? ls_char_hex((unsigned char)segment.at[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return -400;
            byte = (char)(high << 4 | low);
            i += 2;
        }
        *to++ = byte;
    }
    *out = (struct ls_slice) { *store, (size_t)(to - *store) };
    *store = to;
    return ls_chars_utf8(*out) ? 0 : -400;
}

/* Adds a segment, or resolves it: 0 or -400. */
static int add_segment(struct ls_target *t, struct ls_slice segment, bool last)
{
    bool parent = ls_slice_equal(segment, LS_SLICE(".."));
    if (parent || ls_slice_equal(segment, LS_SLICE("."))) {
        t->count -= parent && t->count > 0;
        t->slash = last;
        return 0;
    }
    if (last && segment.len == 0) {
        t->slash = true;
        return 0;
    }
    if (t->count == LS_TARGET_SEGMENTS)
        return -400;
    t->segments[t->count++] = segment;
    return 0;
}

static char *put_escaped(char *to, struct ls_slice segment)
{
    for (size_t i = 0; i < segment.len; i++) {
        char byte = segment.at[i];
        if (byte == '/' || byte == '%') {
            memcpy(to, byte == '/' ? "%2F" : "%25", 3);
            to += 3;
        } else {
            *to++ = byte;
        }
    }
    return to;
}

/* "/" and the segments again. A segment grows by at most two bytes for each that was an escape
 * of three, and the store has room for both. */
static void join(struct ls_target *t, char *store)
{
    char *to = store;
    for (uint32_t i = 0; i < t->count; i++) {
        *to++ = '/';
        to = put_escaped(to, t->segments[i]);
    }
    if (t->slash || t->count == 0)
        *to++ = '/';
    t->path = (struct ls_slice) { store, (size_t)(to - store) };
}

static int read_path(struct ls_slice path, char *store, struct ls_target *t)
{
    struct ls_slice rest = ls_slice_from(path, 1);
    for (;;) {
        size_t end = ls_slice_find(rest, 0, '/');
        struct ls_slice segment;
        int err = decode_segment((struct ls_slice) { rest.at, end }, &store, &segment);
        if (err == 0)
            err = add_segment(t, segment, end == rest.len);
        if (err < 0)
            return err;
        if (end == rest.len)
            break;
        rest = ls_slice_from(rest, end + 1);
    }
    if (t->count == 0)
        t->slash = true;
    join(t, store);
    return 0;
}

/* ---- forms ---- */

static int path_and_query(struct ls_slice text, char *store, struct ls_target *t)
{
    size_t end = ls_slice_find(text, 0, '?');
    if (end < text.len)
        t->query = ls_slice_from(text, end + 1);
    if (end == 0)
        return read_path(LS_SLICE("/"), store, t);
    return text.at[0] == '/' ? read_path((struct ls_slice) { text.at, end }, store, t) : -400;
}

static size_t scheme_length(struct ls_slice text)
{
    static const struct ls_slice schemes[] = { { "http://", 7 }, { "https://", 8 } };
    for (int i = 0; i < 2; i++)
        if (text.len >= schemes[i].len &&
            ls_slice_equal_nocase((struct ls_slice) { text.at, schemes[i].len }, schemes[i]))
            return schemes[i].len;
    return 0;
}

static int absolute_form(struct ls_slice text, char *store, struct ls_target *t)
{
    size_t scheme = scheme_length(text), end = scheme;
    if (scheme == 0)
        return -400;
    while (end < text.len && text.at[end] != '/' && text.at[end] != '?')
        end++;
    t->form = LS_ABSOLUTE_FORM;
    t->authority = (struct ls_slice) { text.at + scheme, end - scheme };
    if (t->authority.len == 0 || !ls_host_valid(t->authority))
        return -400;
    return path_and_query(ls_slice_from(text, end), store, t);
}

/* host ":" port, both there: the last byte is a digit of the port. */
static int authority_form(struct ls_slice text, struct ls_target *t)
{
    size_t end = text.len;
    t->form = LS_AUTHORITY_FORM;
    t->authority = text;
    while (end > 0 && text.at[end - 1] >= '0' && text.at[end - 1] <= '9')
        end--;
    return ls_host_valid(text) && end < text.len && end > 1 && text.at[end - 1] == ':' ? 0 : -400;
}

int ls_target_parse(enum ls_method method, struct ls_slice text, char *store, struct ls_target *out)
{
    out->form = LS_ORIGIN_FORM;
    out->authority = out->query = out->path = (struct ls_slice) { NULL, 0 };
    out->count = 0;
    out->slash = false;
    if (text.len == 0 || ls_chars_target(text) != text.len)
        return -400;
    if (method == LS_CONNECT)
        return authority_form(text, out);
    if (text.at[0] == '/')
        return path_and_query(text, store, out);
    if (ls_slice_equal(text, LS_SLICE("*"))) {
        out->form = LS_ASTERISK_FORM;
        out->path = text;
        return method == LS_OPTIONS ? 0 : -400;
    }
    return absolute_form(text, store, out);
}

/* ---- query and form ---- */

int64_t ls_form_decode(struct ls_slice text, char *out)
{
    char *to = out;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.at[i];
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%') {
            int high = text.len - i > 2 ? ls_char_hex((unsigned char)text.at[i + 1]) : -1;
            int low = high >= 0 ? ls_char_hex((unsigned char)text.at[i + 2]) : -1;
            if (low < 0)
                return -400;
            byte = (char)(high << 4 | low);
            i += 2;
        }
        *to++ = byte;
    }
    return to - out;
}

bool ls_form_next(struct ls_slice *query, struct ls_slice *name, struct ls_slice *value)
{
    while (query->len > 0) {
        size_t end = ls_slice_find(*query, 0, '&');
        struct ls_slice part = { query->at, end };
        *query = ls_slice_from(*query, end < query->len ? end + 1 : end);
        if (part.len == 0)
            continue;
        size_t equals = ls_slice_find(part, 0, '=');
        *name = (struct ls_slice) { part.at, equals };
        *value = ls_slice_from(part, equals < part.len ? equals + 1 : equals);
        return true;
    }
    return false;
}
