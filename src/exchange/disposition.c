#include "exchange/disposition.h"

#include "http/chars.h"

static bool plain(unsigned char byte)
{
    return byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\' && byte != '%';
}

/* attr-char of RFC 8187: a tchar, but for three. */
static bool attribute(unsigned char byte)
{
    return ls_char_token(byte) && byte != '*' && byte != '\'' && byte != '%';
}

static struct ls_slice base_name(struct ls_slice name)
{
    for (size_t i = name.len; i > 0; i--)
        if (name.at[i - 1] == '/' || name.at[i - 1] == '\\')
            return ls_slice_from(name, i);
    return name;
}

void ls_disposition_attachment(struct ls_slice name, struct ls_buffer *out)
{
    bool all = true;
    name = base_name(name);
    ls_buffer_text(out, "attachment; filename=\"");
    for (size_t i = 0; i < name.len; i++) {
        bool same = plain((unsigned char)name.at[i]);
        bool inside =
            ((unsigned char)name.at[i] & 0xc0) == 0x80; /* of a character of several bytes */
        if (same || !inside)
            ls_buffer_byte(out, same ? name.at[i] : '_');
        all = all && same;
    }
    ls_buffer_byte(out, '"');
    if (all || !ls_chars_utf8(name))
        return;
    ls_buffer_text(out, "; filename*=UTF-8\'\'");
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.at[i];
        if (attribute(byte))
            ls_buffer_byte(out, name.at[i]);
        else
            ls_buffer_printf(out, "%%%02X", byte);
    }
}
