/* Lines of the access log: whatever the bytes, one line, well-formed, and not too long. */
#include "unit.h"

#include <stdlib.h>

#include "exchange/access.h"

static char room[LS_ACCESS_LINE], line[LS_ACCESS_LINE];

static struct ls_slice made(enum ls_access_format format, const struct ls_access_facts *facts,
                            const struct ls_access_end *end)
{
    struct ls_access_text text = { .at = room };
    ls_access_text(format, facts, &text);
    CHECK(text.before + text.behind <= LS_ACCESS_LINE - LS_ACCESS_NUMBERS);
    return (struct ls_slice) { line, ls_access_line(format, &text, end, line) };
}

static struct ls_access_facts usual(void)
{
    return (struct ls_access_facts) { .time = 1795960285,
                                      .id = LS_SLICE("0123456789abcdef"),
                                      .ip = LS_SLICE("192.0.2.1"),
                                      .method = LS_SLICE("GET"),
                                      .target = LS_SLICE("/a?b"),
                                      .host = LS_SLICE("example.org"),
                                      .referer = LS_SLICE("r"),
                                      .agent = LS_SLICE("a"),
                                      .route = LS_SLICE("/:x"),
                                      .minor = 1,
                                      .status = 200,
                                      .pid = 7 };
}

static void is_as_others_write_it(void)
{
    struct ls_access_facts facts = usual();
    const struct ls_access_end end = { .bytes = 12, .us = 34 };
    CHECK_TEXT(
        made(LS_ACCESS_COMBINED, &facts, &end),
        "192.0.2.1 - - [29/Nov/2026:13:51:25 +0000] \"GET /a?b HTTP/1.1\" 200 12 \"r\" \"a\"\n");
    facts = (struct ls_access_facts) { .time = 0, .status = 408 };
    CHECK_TEXT(made(LS_ACCESS_COMBINED, &facts, &end),
               "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 408 12 \"-\" \"-\"\n");
}

static void is_json(void)
{
    struct ls_access_facts facts = usual();
    const struct ls_access_end end = { .bytes = UINT64_MAX, .us = UINT64_MAX, .cut = true };
    CHECK_TEXT(
        made(LS_ACCESS_JSON, &facts, &end),
        "{\"time\":\"2026-11-29T13:51:25Z\",\"id\":\"0123456789abcdef\",\"ip\":\"192.0.2.1\","
        "\"method\":\"GET\",\"target\":\"/a?b\",\"host\":\"example.org\",\"route\":\"/:x\","
        "\"referer\":\"r\",\"agent\":\"a\",\"status\":200,\"pid\":7,"
        "\"bytes\":18446744073709551615,\"wall_us\":18446744073709551615,\"cut\":true}\n");
}

static void escapes_every_byte(void)
{
    const struct ls_access_end end = { .bytes = 0 };
    struct ls_access_facts facts = usual();
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    facts.target = facts.referer = facts.agent = (struct ls_slice) { bytes, sizeof bytes };
    for (int format = LS_ACCESS_COMBINED; format <= LS_ACCESS_JSON; format++) {
        struct ls_slice all = made((enum ls_access_format)format, &facts, &end);
        CHECK_INT(ls_slice_find(all, 0, '\n'), all.len - 1);
        for (size_t i = 0; i + 1 < all.len; i++)
            CHECK(all.at[i] >= 0x20 && all.at[i] < 0x7f);
    }
    facts = usual();
    facts.target = LS_SLICE("\"\\\n\x7f\xc3");
    CHECK(
        strstr((made(LS_ACCESS_COMBINED, &facts, &end), line), "GET \\x22\\x5C\\x0A\\x7F\\xC3 H"));
    CHECK(strstr((made(LS_ACCESS_JSON, &facts, &end), line),
                 "\"\\\"\\\\\\u000A\\u007F\\u00C3\",\"host\""));
}

/* An escape is whole or not there, at any length. */
static void cuts_between_escapes(void)
{
    const struct ls_access_end end = { .bytes = UINT64_MAX, .us = UINT64_MAX, .cut = true };
    enum { MOST = 8000 };
    char *bytes = malloc(MOST);
    for (size_t len = 600; len < MOST; len += 61) {
        struct ls_access_facts facts = usual();
        for (size_t i = 0; i < len; i++)
            bytes[i] = i % 7 == 0 ? 'x' : '\x01';
        facts.target = facts.referer = facts.agent = (struct ls_slice) { bytes, len };
        struct ls_slice json = made(LS_ACCESS_JSON, &facts, &end);
        CHECK(json.len <= LS_ACCESS_LINE);
        for (size_t i = 0; i + 1 < json.len; i++)
            if (json.at[i] == '\\')
                CHECK(strncmp(json.at + i, "\\u0001", 6) == 0);
        CHECK(ls_slice_ends(json, LS_SLICE("\"cut\":true}\n")));
        struct ls_slice combined = made(LS_ACCESS_COMBINED, &facts, &end);
        CHECK(combined.len <= LS_ACCESS_LINE && ls_slice_ends(combined, LS_SLICE("\"\n")));
    }
    free(bytes);
}

static void cuts_the_target_first(void)
{
    const struct ls_access_end end = { .bytes = 0 };
    struct ls_access_facts facts = usual();
    char bytes[5000];
    memset(bytes, 'y', sizeof bytes);
    facts.target = (struct ls_slice) { bytes, sizeof bytes };
    facts.agent = (struct ls_slice) { bytes, 900 };
    struct ls_slice all = made(LS_ACCESS_COMBINED, &facts, &end);
    CHECK(strstr(line, "yyy... HTTP/1.1\" 200 0 \"r\" \"yyy"));
    CHECK(all.len > LS_ACCESS_LINE - LS_ACCESS_NUMBERS - 8);
    CHECK_INT(all.len - (size_t)(strstr(line, "\"r\" \"") + 5 - line), 900 + 2);
    facts.agent = (struct ls_slice) { bytes, sizeof bytes };
    made(LS_ACCESS_COMBINED, &facts, &end);
    CHECK(strstr(line, "yyy...\"\n"));
}

static void reads_a_request_line(void)
{
    struct ls_access_facts facts = { .status = 400 };
    ls_access_read_line(LS_SLICE("GET / HTTP/1.0"), &facts);
    CHECK_TEXT(facts.method, "GET");
    CHECK_TEXT(facts.target, "/");
    CHECK_INT(facts.minor, 0);
    static const char *const none[] = { "",
                                        " ",
                                        "GET",
                                        "GET /",
                                        "GET  HTTP/1.1",
                                        " / HTTP/1.1",
                                        "GET / HTTP/2.0",
                                        "G\"T / HTTP/1.1",
                                        "GET / x HTTP/1.1" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        facts = (struct ls_access_facts) { .status = 400 };
        ls_access_read_line(ls_slice_of(none[i]), &facts);
        CHECK_INT(facts.method.len + facts.target.len, 0);
        CHECK_TEXT(facts.line, none[i]);
    }
}

static void finds_a_line_again(void)
{
    const struct ls_access_end end = { .bytes = 12, .us = 34 };
    struct ls_access_facts facts = usual();
    struct ls_access_text text = { .at = room };
    ls_access_text(LS_ACCESS_JSON, &facts, &text);
    size_t len = ls_access_line(LS_ACCESS_JSON, &text, &end, line);
    CHECK(ls_access_is_line((struct ls_slice) { line, len }, &text));
    for (size_t cut = 0; cut < len; cut++) { /* and another line behind that part */
        char torn[2 * LS_ACCESS_LINE];
        memcpy(torn, line, cut);
        memcpy(torn + cut, line, len);
        CHECK(!ls_access_is_line((struct ls_slice) { line, cut }, &text));
        CHECK(cut == 0 || !ls_access_is_line((struct ls_slice) { torn, cut + len }, &text));
    }
}

int main(void)
{
    static const struct unit_test tests[] = {
        { "combined is as Apache and nginx write it", is_as_others_write_it },
        { "JSON has names, and says when an answer was cut", is_json },
        { "every byte is plain or escaped", escapes_every_byte },
        { "what is too long is cut between two escapes", cuts_between_escapes },
        { "the target is cut before anything else", cuts_the_target_first },
        { "a line is found again, whole", finds_a_line_again },
        { "a request line is read only if it is one", reads_a_request_line },
    };
    return unit_main(tests, sizeof tests / sizeof *tests);
}
