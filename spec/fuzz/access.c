/* A line of the access log: one line, printable, with every quote and escape where it belongs. */
#include "fuzz.h"

#include "exchange/access.h"

enum { PARTS = 4 };

/* The input's parts are separated by "|". */
static void split(struct ls_slice all, struct ls_slice parts[PARTS])
{
    for (int i = 0; i < PARTS; i++) {
        size_t end = i < PARTS - 1 ? ls_slice_find(all, 0, '|') : all.len;
        parts[i] = (struct ls_slice) { all.at, end };
        all = ls_slice_from(all, end < all.len ? end + 1 : end);
    }
}

static size_t check_escape(const char *at, bool json)
{
    static const char digits[] = "0123456789ABCDEF";
    if (json && (at[1] == '"' || at[1] == '\\'))
        return 2;
    size_t prefix = json ? 4 : 2;
    FUZZ_CHECK(memcmp(at, json ? "\\u00" : "\\x", prefix) == 0);
    FUZZ_CHECK(strchr(digits, at[prefix]) && strchr(digits, at[prefix + 1]));
    return prefix + 2;
}

static void check_line(enum ls_access_format format, const struct ls_access_facts *facts)
{
    const struct ls_access_end end = { .bytes = UINT64_MAX, .us = UINT64_MAX, .cut = true };
    bool json = format == LS_ACCESS_JSON;
    char room[LS_ACCESS_LINE - LS_ACCESS_NUMBERS], line[LS_ACCESS_LINE];
    struct ls_access_text text = { .at = room };
    ls_access_text(format, facts, &text);
    FUZZ_CHECK(text.before + text.behind <= sizeof room);
    size_t len = ls_access_line(format, &text, &end, line), quotes = 0;
    FUZZ_CHECK(len <= sizeof line && line[len - 1] == '\n');
    for (size_t i = 0; i + 1 < len;) {
        FUZZ_CHECK(line[i] >= 0x20 && line[i] < 0x7f);
        quotes += line[i] == '"';
        i += line[i] == '\\' ? check_escape(line + i, json) : 1;
    }
    FUZZ_CHECK(quotes == (json ? 46 : 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = fuzz_copy(data, size);
    struct ls_slice parts[PARTS];
    split((struct ls_slice) { bytes, size }, parts);
    struct ls_access_facts facts = { .status = 200, .referer = parts[1], .agent = parts[2] };
    ls_access_read_line(parts[0], &facts);
    facts.host = facts.route = facts.ip = parts[3];
    check_line(LS_ACCESS_COMBINED, &facts);
    check_line(LS_ACCESS_JSON, &facts);
    free(bytes);
    return 0;
}
