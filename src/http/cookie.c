#include "http/cookie.h"

#include "http/chars.h"

static bool is_octet(unsigned char byte)
{
    return byte > ' ' && byte < 0x7f && byte != '"' && byte != ',' && byte != ';' && byte != '\\';
}

static bool is_plain(struct ls_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
            return false;
    return true;
}

static bool is_token(struct ls_slice text)
{
    return text.len > 0 && ls_chars_token(text) == text.len;
}

static struct ls_slice without_quotes(struct ls_slice value)
{
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        return (struct ls_slice) { value.at + 1, value.len - 2 };
    return value;
}

bool ls_cookie_next(struct ls_slice *rest, struct ls_slice *name, struct ls_slice *value)
{
    while (rest->len > 0) {
        size_t end = ls_slice_find(*rest, 0, ';');
        struct ls_slice pair = { rest->at, end };
        *rest = ls_slice_from(*rest, end < rest->len ? end + 1 : end);
        size_t sign = ls_slice_find(pair, 0, '=');
        if (sign == pair.len)
            continue;
        *name = ls_slice_trim((struct ls_slice) { pair.at, sign });
        *value = without_quotes(ls_slice_trim(ls_slice_from(pair, sign + 1)));
        if (is_token(*name) && is_plain(*value))
            return true;
    }
    return false;
}

void ls_cookie_encode(struct ls_slice value, struct ls_buffer *out)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.at[i];
        if (is_octet(byte) && byte != '%')
            ls_buffer_byte(out, value.at[i]);
        else
            ls_buffer_printf(out, "%%%02X", byte);
    }
}

int64_t ls_cookie_decode(struct ls_slice value, char *out)
{
    int64_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] != '%') {
            out[len++] = value.at[i];
            continue;
        }
        int high = i + 2 < value.len ? ls_char_hex((unsigned char)value.at[i + 1]) : -1;
        int low = i + 2 < value.len ? ls_char_hex((unsigned char)value.at[i + 2]) : -1;
        if (high < 0 || low < 0)
            return -400;
        out[len++] = (char)(high << 4 | low);
        i += 2;
    }
    return len;
}

bool ls_cookie_attribute(struct ls_slice value)
{
    return value.len > 0 && is_plain(value) && ls_slice_find(value, 0, ';') == value.len;
}
