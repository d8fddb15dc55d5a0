/* WebSocket frames that break the protocol are refused at the byte that does. */
#include "websocket.h"

/* ---- frames ---- */

/* `at`: the byte, counted from 1, at which the fault is there. */
static void check_refused(struct ls_slice in, uint64_t most, size_t at, int code)
{
    ws_run(in, most, 1, 1);
    CHECK_INT(ws.end, -code);
    CHECK_INT(ws.taken, at);
    for (size_t first = 1; first <= in.len && first < 300; first++) {
        ws_run(in, most, first, in.len);
        CHECK_INT(ws.end, -code);
    }
    ws_run((struct ls_slice) { in.at, at - 1 }, most, at, at);
    CHECK_INT(ws.end, 0);
}

static void refuses_frames_that_break_the_protocol(void)
{
    static const struct {
        const char *bytes;
        size_t at;
    } cases[] = {
        { "\\xc1\\x80\\{4 m}", 1 }, /* RSV1 */
        { "\\xa1\\x80\\{4 m}", 1 }, /* RSV2 */
        { "\\x91\\x80\\{4 m}", 1 }, /* RSV3 */
        { "\\x83\\x80\\{4 m}", 1 }, /* opcodes that nobody has */
        { "\\x87\\x80\\{4 m}", 1 },
        { "\\x8b\\x80\\{4 m}", 1 },
        { "\\x8f\\x80\\{4 m}", 1 },
        { "\\x81\\0", 2 }, /* unmasked */
        { "\\x81\\x05hello", 2 },
        { "\\x81\\x7e\\x01\\0", 2 },
        { "\\x89\\0", 2 },
        { "\\x08\\x80\\{4 m}", 1 }, /* control frames in fragments */
        { "\\x09\\x80\\{4 m}", 1 },
        { "\\x0a\\x80\\{4 m}", 1 },
        { "\\x88\\xfe\\0\\x7e\\{4 m}", 2 }, /* control frames over 125 */
        { "\\x89\\xfe\\0\\x7e\\{4 m}", 2 },
        { "\\x8a\\xff\\{8 \\0}\\{4 m}", 2 },
        { "\\x82\\xfe\\0\\x7d\\{4 m}", 4 }, /* lengths in a longer form than needed */
        { "\\x82\\xfe\\0\\0\\{4 m}", 4 },
        { "\\x82\\xff\\{6 \\0}\\xff\\xff\\{4 m}", 10 },
        { "\\x82\\xff\\{8 \\0}\\{4 m}", 10 },
        { "\\x82\\xff\\x80\\{7 \\0}\\{4 m}", 10 }, /* the top bit */
        { "\\x82\\xff\\{8 \\xff}\\{4 m}", 10 },
        { "\\x80\\x80\\{4 m}", 1 }, /* a continuation of nothing */
        { "\\0\\x80\\{4 m}", 1 },
        { "\\x81\\x80\\{4 m}\\x80\\x80\\{4 m}", 7 }, /* after a message that has ended */
        { "\\x01\\x80\\{4 m}\\x81\\x80\\{4 m}", 7 }, /* a message inside another */
        { "\\x02\\x80\\{4 m}\\x02\\x80\\{4 m}", 7 },
        { "\\x01\\x80\\{4 m}\\x89\\x80\\{4 m}\\x82", 13 },
        { "\\x88\\x81\\{4 \\0}x", 7 }, /* half a close code */
        { "\\x89\\x82\\{4 \\0}x\\xe8\\x88\\x81\\{4 \\0}\\x03",
          15 }, /* behind what would make it one */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(ws_raw(cases[i].bytes), UINT64_MAX, cases[i].at, LS_WS_PROTOCOL);
}

/* As 5.2, 5.4 and 5.5 have it. */
static bool may_begin(int first, bool inside)
{
    bool fin = first & 0x80;
    switch (first & 0x7F) {
    case 0:
        return inside;
    case 1:
    case 2:
        return !inside;
    case 8:
    case 9:
    case 10:
        return fin;
    default:
        return false;
    }
}

static void knows_every_first_byte(void)
{
    static const struct ws_frame fragment[] = { { LS_WS_BINARY, "x" }, { 0, NULL } };
    for (int inside = 0; inside < 2; inside++)
        for (int first = 0; first < 256; first++) {
            char byte = (char)first;
            struct ls_slice in = ws_frames(fragment);
            ws_begin(NO_LIMIT);
            ws_feed(in.at, inside ? in.len : 0);
            ws_feed(&byte, 1);
            CHECK_INT(ws.end, may_begin(first, inside) ? 0 : -LS_WS_PROTOCOL);
        }
}

static bool may_be_sent(int code)
{
    static const int no[] = { 1004, 1005, 1006 };
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (code == no[i])
            return false;
    return (code >= 1000 && code < 1015) || (code >= 3000 && code < 5000);
}

static void knows_every_close_code(void)
{
    for (int code = 0; code <= UINT16_MAX; code++) {
        const char payload[] = { (char)(code >> 8), (char)code };
        bool sound = may_be_sent(code);
        char log[32] = "";
        if (sound)
            snprintf(log, sizeof log, "[close %d:]", code);
        sent.len = 0;
        ws_put_frame(FIN | LS_WS_CLOSE, (struct ls_slice) { payload, 2 });
        ws_run(ws_sent(), 0, sent.len, sent.len);
        if (ls_ws_code_is_sound((uint16_t)code) != sound || strcmp(ws.log, log) != 0 ||
            ws.end != (sound ? 0 : -LS_WS_PROTOCOL))
            CHECK_INT(code, -1);
    }
}

static void a_close_reason_is_utf8(void)
{
    check_refused(ws_raw("\\x88\\x83\\{4 \\0}\\x03\\xe8\\x80"), 0, 9, LS_WS_NOT_UTF8);
    check_refused(ws_raw("\\x88\\x85\\{4 \\0}\\x03\\xe8a\\xe2\\x82"), 0, 11, LS_WS_NOT_UTF8);
    check_refused(ws_raw("\\x88\\x83\\{4 \\0}\\x03\\xe7\\x80"), 0, 9, LS_WS_PROTOCOL);
    check_refused(ws_raw("\\x88\\xfd\\{4 \\0}\\x03\\xe8\\{122 a}\\xff"), 0, 131, LS_WS_NOT_UTF8);
    struct ls_slice in = ws_raw("\\x88\\xfd\\{4 \\0}\\x03\\xe8\\{123 a}");
    ws_check(in, 0, "[close 1000:#123]", 0);
}

/* ---- text ---- */

static const struct {
    const char *text;
    size_t sound; /* bytes that may stand; the one behind is refused */
} not_utf8[] = {
    { "\x80", 0 },
    { "abc\xFF", 3 },
    { "\xC0\xAF", 0 },
    { "\xC3(", 1 },
    { "\xE0\x9F\xBF", 1 },
    { "\xED\xA0\x80", 1 },
    { "\xEF\xBF"
      "a",
      2 },
    { "\xF0\x8F\xBF\xBF", 1 },
    { "\xF4\x90\x80\x80", 1 },
    { "\xF5\x80\x80\x80", 0 },
    { "\xF0\x9F\x98z", 3 },
    { "0123456789abcdef\xE2\x82\xAC\xCE\xBA\xE1\xBD\xB9\xED\xA0\x80 edited", 25 },
};

/* The text in two frames, split at each place, a ping between; the last frame is announced longer
 * than it is, for nothing but the bytes may be what gives it away. */
static void refuses_what_is_not_utf8_at_the_byte(void)
{
    for (size_t i = 0; i < sizeof not_utf8 / sizeof *not_utf8; i++) {
        struct ls_slice text = ls_slice_of(not_utf8[i].text);
        for (size_t split = 0; split <= not_utf8[i].sound; split++) {
            char head[] = { (char)FIN, (char)(MASKED | 100), 0, 0, 0, 0 };
            sent.len = 0;
            ws_put_frame(LS_WS_TEXT, (struct ls_slice) { text.at, split });
            ws_put_frame(FIN | LS_WS_PING, LS_SLICE("\xE2"));
            ws_put(head, sizeof head);
            size_t begins = sent.len;
            ws_put(text.at + split, text.len - split);
            check_refused(ws_sent(), NO_LIMIT, begins + not_utf8[i].sound - split + 1,
                          LS_WS_NOT_UTF8);
        }
    }
}

static void text_may_be_torn_between_frames_alone(void)
{
    static const struct {
        struct ws_frame frames[ROOM];
        const char *log;
        int end;
    } cases[] = {
        { { { LS_WS_TEXT, "\xE2" }, { 0, "\x82" }, { FIN, "\xAC" } }, "text:\xE2\x82\xAC|", 0 },
        { { { LS_WS_TEXT, "\xF0\x9F" },
            { 0, "" },
            { FIN | LS_WS_PING, "\xFF" },
            { FIN, "\x98\x80" } },
          "[ping:\xFF]text:\xF0\x9F\x98\x80|",
          0 },
        { { { FIN | LS_WS_TEXT, "\xE2\x82" } }, "", -LS_WS_NOT_UTF8 },
        { { { LS_WS_TEXT, "a\xC3" }, { FIN, "" } }, "", -LS_WS_NOT_UTF8 },
        { { { LS_WS_TEXT, "a\xC3" }, { FIN, "a" } }, "", -LS_WS_NOT_UTF8 },
        { { { LS_WS_BINARY, "\xC3" }, { FIN, "\xFF" } }, "binary:\xC3\xFF|", 0 },
        { { { FIN | LS_WS_BINARY, "\xC3" }, { FIN | LS_WS_TEXT, "a" } }, "binary:\xC3|text:a|", 0 },
        { { { FIN | LS_WS_TEXT, "a" }, { FIN | LS_WS_TEXT, "\x80" } }, "text:a|", -LS_WS_NOT_UTF8 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ws_check(ws_frames(cases[i].frames), NO_LIMIT, cases[i].log, cases[i].end);
    static const struct ws_frame torn[] = { { LS_WS_TEXT, "a\xC3" }, { FIN, "" }, { 0, NULL } };
    check_refused(ws_frames(torn), NO_LIMIT, 14, LS_WS_NOT_UTF8); /* the last byte of the mask */
}

/* ---- limits ---- */

static void refuses_messages_over_the_limit(void)
{
    static const struct ws_frame one[] = { { FIN | LS_WS_TEXT, "hello" }, { 0, NULL } };
    static const struct ws_frame two[] = { { FIN | LS_WS_TEXT, "hello" },
                                           { FIN | LS_WS_TEXT, "world" },
                                           { 0, NULL } };
    static const struct ws_frame three[] = { { LS_WS_TEXT, "hel" },
                                             { FIN | LS_WS_PING, "longer than it" },
                                             { 0, "lo" },
                                             { FIN, "" },
                                             { 0, NULL } };
    ws_check(ws_frames(one), 5, "text:hello|", 0);
    ws_check(ws_frames(two), 5, "text:hello|text:world|", 0);
    check_refused(ws_frames(one), 4, 2, LS_WS_TOO_BIG); /* once it is said how long it is */
    check_refused(ws_frames(one), 0, 2, LS_WS_TOO_BIG);
    ws_check(ws_frames(three), 5, "[ping:longer than it]text:hello|", 0);
    check_refused(ws_frames(three), 4, 31, LS_WS_TOO_BIG);
    check_refused(ws_raw("\\x82\\xfe\\0\\x80\\{4 m}"), 127, 4, LS_WS_TOO_BIG);
    check_refused(ws_raw("\\x82\\xff\\x7f\\{7 \\xff}\\{4 m}"), INT64_MAX - 1, 10, LS_WS_TOO_BIG);
    check_refused(ws_raw("\\x02\\x81\\{4 m}m\\x80\\xff\\x7f\\{7 \\xff}\\{4 m}"), INT64_MAX, 17,
                  LS_WS_TOO_BIG);
    ws_check(ws_raw("\\x81\\x80\\{4 m}"), 0, "text:|", 0);
}

static void the_limit_may_change_between_messages(void)
{
    static const struct ws_frame one[] = { { FIN | LS_WS_TEXT, "hello" }, { 0, NULL } };
    struct ls_slice in = ws_frames(one);
    ws_run(in, 5, in.len, in.len);
    reader.most = 4;
    ws_feed(in.at, in.len);
    CHECK_INT(ws.end, -LS_WS_TOO_BIG);
    ws_run((struct ls_slice) { in.at, in.len }, 5, in.len, in.len);
    ws_feed("\x01\x83\0\0\0\0abc", 9);
    reader.most = 2; /* in the middle: of more than it has nothing comes */
    ws_feed("\x80\x80", 2);
    CHECK_INT(ws.end, -LS_WS_TOO_BIG);
}

static void refuses_more_frames_than_a_message_may_have(void)
{
    static char empty[6 * 4096];
    for (size_t i = 0; i < sizeof empty; i += 6)
        memcpy(empty + i, "\0\x80mask", 6);
    for (int extra = 0; extra < 2; extra++) {
        ws_begin(NO_LIMIT);
        ws_feed("\x01\x80mask", 6);
        for (int i = 0; i < LS_WS_FRAGMENTS / 4096 - 1; i++)
            ws_feed(empty, sizeof empty);
        ws_feed(empty, sizeof empty - 18); /* two are still allowed */
        ws_feed("\x89\x80mask", 6);        /* which is none of them */
        ws_feed("\0\x80mask", 6);
        CHECK_INT(ws.end, 0);
        if (extra)
            ws_feed("\0\x80mask", 6);
        CHECK_INT(ws.end, 0);
        ws_feed("\x80\x80mask", 6);
        CHECK_INT(ws.end, extra ? -LS_WS_TOO_BIG : 0);
        CHECK_TEXT(ls_slice_of(ws.log), extra ? "[ping:]" : "[ping:]text:|");
        ws_feed("\x81\x80mask", 6); /* the next message begins to count anew */
        CHECK_INT(ws.end, extra ? -LS_WS_TOO_BIG : 0);
    }
}

static const struct unit_test tests[] = {
    { "refuses frames that break the protocol", refuses_frames_that_break_the_protocol },
    { "knows every first byte", knows_every_first_byte },
    { "knows every close code", knows_every_close_code },
    { "a close reason is UTF-8", a_close_reason_is_utf8 },
    { "refuses what is not UTF-8 at the byte", refuses_what_is_not_utf8_at_the_byte },
    { "text may be torn between frames alone", text_may_be_torn_between_frames_alone },
    { "refuses messages over the limit", refuses_messages_over_the_limit },
    { "the limit may change between messages", the_limit_may_change_between_messages },
    { "refuses more frames than a message may have", refuses_more_frames_than_a_message_may_have },
};

UNIT_MAIN(tests)
