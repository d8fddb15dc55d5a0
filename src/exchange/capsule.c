#include "exchange/capsule.h"

/* A field that, by its name, lets somebody in (Authorization, Cookie, X-Api-Key …): the name stays in the log, the
 * value does not. */
static bool is_secret(struct ls_slice line)
{
    static const struct ls_slice marks[] = { LS_SLICE("auth"),   LS_SLICE("cookie"),
                                             LS_SLICE("token"),  LS_SLICE("key"),
                                             LS_SLICE("secret"), LS_SLICE("passw") };
    size_t len = ls_slice_find(line, 0, ':');
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        for (size_t at = 0; at + marks[i].len <= len; at++)
            if (ls_slice_equal_nocase((struct ls_slice) { line.at + at, marks[i].len }, marks[i]))
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
