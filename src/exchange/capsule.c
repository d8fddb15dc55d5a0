#include "exchange/capsule.h"

/* Its name stays in the log, its value does not. */
static bool is_secret(struct ls_slice line)
{
    static const struct ls_slice names[] = { LS_SLICE("Authorization"),
                                             LS_SLICE("Proxy-Authorization"), LS_SLICE("Cookie"),
                                             LS_SLICE("Set-Cookie") };
    struct ls_slice name = { line.at, ls_slice_find(line, 0, ':') };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ls_slice_equal_nocase(name, names[i]))
            return true;
    return false;
}

static void append_line(struct ls_buffer *out, struct ls_slice line)
{
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return;
    ls_buffer_byte(out, '\n');
    if (is_secret(line))
        ls_buffer_printf(out, "%.*s: (not shown)", (int)ls_slice_find(line, 0, ':'), line.at);
    else
        ls_buffer_slice(out, line);
}

void ls_capsule_head(struct ls_buffer *out, struct ls_slice head)
{
    while (head.len > 0) {
        size_t end = ls_slice_find(head, 0, '\n');
        append_line(out, (struct ls_slice) { head.at, end });
        head = ls_slice_from(head, end < head.len ? end + 1 : end);
    }
}
