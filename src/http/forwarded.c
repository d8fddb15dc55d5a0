#include "http/forwarded.h"

#include "http/chars.h"

/* Where the last element begins: behind the last comma that stands in no quotes. */
static size_t last_element(struct ls_slice text)
{
    size_t start = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        if (quoted && text.at[i] == '\\')
            i++;
        else if (text.at[i] == '"')
            quoted = !quoted;
        else if (text.at[i] == ',' && !quoted)
            start = i + 1;
    }
    return start;
}

/* Empty elements at the end say nothing. */
static void drop_empty(struct ls_slice *rest)
{
    while (rest->len > 0 && strchr(", \t", rest->at[rest->len - 1]) && rest->at[rest->len - 1])
        rest->len--;
}

static struct ls_slice take_last(struct ls_slice *rest, size_t start)
{
    struct ls_slice element = ls_slice_trim(ls_slice_from(*rest, start));
    rest->len = start > 0 ? start - 1 : 0;
    return element;
}

static bool is_port(struct ls_slice text)
{
    uint64_t port;
    return text.len > 0 && text.len <= 5 && ls_slice_to_u64(text, &port) == 0 && port <= 65535;
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80"; bare IPv6 where that can be. */
static bool read_node(struct ls_slice node, struct ls_forwarded *f)
{
    size_t colon = ls_slice_find(node, 0, ':');
    if (node.len > 0 && node.at[0] == '[') {
        size_t end = ls_slice_find(node, 0, ']');
        if (end == node.len)
            return false;
        f->address = (struct ls_slice) { node.at + 1, end - 1 };
        node = ls_slice_from(node, end + 1);
        if (node.len == 0)
            return f->address.len > 0;
        colon = 0;
        if (node.at[0] != ':')
            return false;
    } else if (colon < node.len && ls_slice_find(node, colon + 1, ':') < node.len) {
        f->address = node; /* of IPv6, and no port can be told from it */
        return true;
    } else {
        f->address = (struct ls_slice) { node.at, colon };
    }
    if (colon < node.len)
        f->port = ls_slice_from(node, colon + 1);
    return f->address.len > 0 &&
           (colon == node.len || is_port(f->port) || (f->port.len > 1 && f->port.at[0] == '_'));
}

/* token or quoted-string; escapes in it are none that an address or a host needs. */
static bool take_value(struct ls_slice *rest, struct ls_slice *value)
{
    if (rest->len == 0 || rest->at[0] != '"') {
        *value = (struct ls_slice) { rest->at, ls_chars_token(*rest) };
        *rest = ls_slice_from(*rest, value->len);
        return value->len > 0;
    }
    size_t end = ls_slice_find(*rest, 1, '"');
    if (end == rest->len || memchr(rest->at, '\\', end))
        return false;
    *value = (struct ls_slice) { rest->at + 1, end - 1 };
    *rest = ls_slice_from(*rest, end + 1);
    return true;
}

static bool set(struct ls_forwarded *f, struct ls_slice name, struct ls_slice value)
{
    struct ls_slice *to = ls_slice_equal_nocase(name, LS_SLICE("proto"))  ? &f->proto
                          : ls_slice_equal_nocase(name, LS_SLICE("host")) ? &f->host
                                                                          : NULL;
    if (ls_slice_equal_nocase(name, LS_SLICE("for")))
        return f->address.len == 0 && read_node(value, f);
    if (!to)
        return true;
    bool twice = to->len > 0;
    *to = value;
    return !twice;
}

static bool read_pairs(struct ls_slice text, struct ls_forwarded *f)
{
    while (text.len > 0) {
        struct ls_slice name = { text.at, ls_chars_token(text) }, value;
        if (name.len == 0 || name.len == text.len || text.at[name.len] != '=')
            return false;
        text = ls_slice_from(text, name.len + 1);
        if (!take_value(&text, &value) || !set(f, name, value))
            return false;
        text = ls_slice_trim(text);
        if (text.len > 0 && text.at[0] != ';')
            return false;
        text = ls_slice_trim(ls_slice_from(text, text.len > 0));
    }
    return true;
}

bool ls_forwarded_last(struct ls_slice *rest, struct ls_forwarded *element, bool *sound)
{
    struct ls_slice text = { NULL, 0 };
    drop_empty(rest);
    if (rest->len > 0)
        text = take_last(rest, last_element(*rest));
    *element = (struct ls_forwarded) { .port = { NULL, 0 } };
    *sound = text.len > 0 && read_pairs(text, element);
    return text.len > 0;
}

bool ls_forwarded_for_last(struct ls_slice *rest, struct ls_forwarded *element, bool *sound)
{
    struct ls_slice text = { NULL, 0 };
    drop_empty(rest);
    size_t start = rest->len;
    while (start > 0 && rest->at[start - 1] != ',')
        start--;
    if (rest->len > 0)
        text = take_last(rest, start);
    *element = (struct ls_forwarded) { .port = { NULL, 0 } };
    *sound = text.len > 0 && read_node(text, element);
    return text.len > 0;
}
