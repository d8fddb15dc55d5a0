/* WebSocket frames: what a client sends is told whole, in whatever pieces it comes. */
#include "websocket.h"

/* ---- what is read ---- */

static void tells_messages_however_they_come(void)
{
    static const struct {
        struct ws_frame frames[ROOM];
        const char *log;
    } cases[] = {
        { { { FIN | LS_WS_TEXT, "hello" } }, "text:hello|" },
        { { { FIN | LS_WS_TEXT, "" } }, "text:|" },
        { { { FIN | LS_WS_BINARY, "\xFF\xFE" } }, "binary:\xFF\xFE|" },
        { { { FIN | LS_WS_BINARY, "" } }, "binary:|" },
        { { { FIN | LS_WS_TEXT, "one" }, { FIN | LS_WS_BINARY, "two" } }, "text:one|binary:two|" },
        { { { LS_WS_TEXT, "hel" }, { FIN, "lo" } }, "text:hello|" },
        { { { LS_WS_BINARY, "a" }, { 0, "b" }, { 0, "c" }, { FIN, "d" } }, "binary:abcd|" },
        { { { LS_WS_TEXT, "" }, { 0, "" }, { FIN, "" } }, "text:|" },
        { { { LS_WS_TEXT, "" }, { 0, "a" }, { 0, "" }, { FIN, "" } }, "text:a|" },
        { { { FIN | LS_WS_PING, "" } }, "[ping:]" },
        { { { FIN | LS_WS_PING, "are you" }, { FIN | LS_WS_PONG, "I am" } },
          "[ping:are you][pong:I am]" },
        { { { LS_WS_TEXT, "a" },
            { FIN | LS_WS_PING, "p" },
            { 0, "b" },
            { FIN | LS_WS_PONG, "" },
            { FIN, "c" },
            { FIN | LS_WS_TEXT, "d" } },
          "[ping:p][pong:]text:abc|text:d|" },
        { { { FIN | LS_WS_CLOSE, "" } }, "[close 1005:]" },
        { { { FIN | LS_WS_CLOSE, "\x03\xE8" } }, "[close 1000:]" },
        { { { FIN | LS_WS_CLOSE, "\x0F\xA0gr\xC3\xBC\xC3\x9F" } },
          "[close 4000:gr\xC3\xBC\xC3\x9F]" },
        { { { LS_WS_TEXT, "lost" }, { FIN | LS_WS_CLOSE, "\x03\xE9off" } }, "[close 1001:off]" },
        { { { FIN | LS_WS_TEXT, "a" }, { FIN | LS_WS_CLOSE, "" }, { FIN | LS_WS_TEXT, "b" } },
          "text:a|[close 1005:]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ws_check(ws_frames(cases[i].frames), NO_LIMIT, cases[i].log, 0);
}

static void tells_a_piece_as_soon_as_it_is_there(void)
{
    static const struct ws_frame message[] = { { LS_WS_TEXT, "abc" }, { FIN, "de" }, { 0, NULL } };
    static const struct ws_frame ending[] = { { LS_WS_TEXT, "abc" }, { FIN, "" }, { 0, NULL } };
    struct ls_slice in = ws_frames(message);
    ws_run(in, NO_LIMIT, in.len, in.len);
    CHECK_INT(ws.pieces, 2); /* one a frame */
    ws_run(in, NO_LIMIT, 1, 1);
    CHECK_INT(ws.pieces, 5);
    ws_run(in, NO_LIMIT, 7, 1);
    CHECK_INT(ws.pieces, 5);
    ws_run((struct ls_slice) { in.at, 7 }, NO_LIMIT, 7, 7);
    CHECK_TEXT(((struct ls_slice) { ws.message, ws.len }), "a");
    in = ws_frames(ending);
    ws_run(in, NO_LIMIT, in.len, in.len);
    CHECK_INT(ws.pieces, 2); /* the last is empty, and told */
}

static void reads_every_form_of_length(void)
{
    static const size_t lens[] = { 0, 1, 124, 125, 126, 127, 255, 256, 65534, 65535, 65536, 70000 };
    static char payload[70000];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)(i * 7 % 251);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        sent.len = 0;
        ws_put_frame(FIN | LS_WS_BINARY, (struct ls_slice) { payload, lens[i] });
        for (size_t step = 1; step <= sent.len; step = step * 3 + 2) {
            ws_run(ws_sent(), lens[i], step, step);
            CHECK_INT(ws.taken, sent.len);
            CHECK(memcmp(ws.message, payload, lens[i]) == 0);
            CHECK(!ls_ws_reader_busy(&reader));
        }
    }
}

static void knows_a_message_of_4_gigabytes_and_more(void)
{
    struct ls_slice head = ws_raw("\\x82\\xff\\0\\0\\0\\x01\\0\\0\\0\\x05\\x01\\x02\\x03\\x04");
    ws_run(head, UINT64_MAX, head.len, 1);
    CHECK_INT(ws.end, 0);
    CHECK_INT(reader.len, 0x100000005);
    reader.done = 0x100000002; /* as if they had come */
    ws_feed("bfb", 3);
    CHECK_TEXT(ls_slice_of(ws.log), "binary:abc|");
    CHECK(!ls_ws_reader_busy(&reader));
    CHECK_INT(ws.pieces, 1);
}

/* ---- the reader ---- */

static void reads_nothing_after_the_end(void)
{
    struct ls_ws_event event;
    char more[] = "\x81\x80mask";
    size_t used = 0;
    ws_run(ws_raw("\\x81\\0"), NO_LIMIT, 2, 2);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(ls_ws_read(&reader, more, 6, &used, &event), -LS_WS_PROTOCOL);
        CHECK_INT(used, 0);
    }
    CHECK(!ls_ws_reader_busy(&reader));
    ws_run(ws_raw("\\x88\\x80mask"), NO_LIMIT, 6, 6);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(ls_ws_read(&reader, more, 6, &used, &event), 0);
        CHECK_INT(used, 6);
    }
    CHECK(!ls_ws_reader_busy(&reader));
}

static void stands_nothing_at_all(void)
{
    struct ls_ws_event event;
    size_t used = 1;
    ws_begin(0);
    CHECK_INT(ls_ws_read(&reader, NULL, 0, &used, &event), 0);
    CHECK_INT(used, 0);
    CHECK(!ls_ws_reader_busy(&reader));
}

/* Busy at "1", after that byte. */
static void says_whether_it_is_busy(void)
{
    static const struct {
        const char *bytes, *busy;
    } cases[] = {
        { "\\x81\\x82maskab\\x81\\x80mask", "11111110111110" },
        { "\\x01\\x80mask\\x89\\x80mask\\x80\\x80mask", "111111111111111110" },
        { "\\x89\\x81maskx", "1111110" },
        { "\\x01\\x80mask\\x88\\x80mask\\x81", "1111111111100" },
        { "\\x81\\0", "10" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_slice in = ws_raw(cases[i].bytes);
        ws_begin(NO_LIMIT);
        CHECK_INT(in.len, strlen(cases[i].busy));
        for (size_t at = 0; at < in.len; at++) {
            ws_feed(in.at + at, 1);
            CHECK_INT(ls_ws_reader_busy(&reader), cases[i].busy[at] == '1');
        }
    }
}

/* ---- what is written ---- */

static void writes_heads(void)
{
    static const struct {
        enum ls_ws_opcode opcode;
        bool fin;
        uint64_t len;
        const char *head;
    } cases[] = {
        { LS_WS_TEXT, true, 0, "\\x81\\0" },
        { LS_WS_TEXT, false, 5, "\\x01\\x05" },
        { LS_WS_CONTINUATION, false, 5, "\\0\\x05" },
        { LS_WS_CONTINUATION, true, 125, "\\x80\\x7d" },
        { LS_WS_BINARY, true, 126, "\\x82\\x7e\\0\\x7e" },
        { LS_WS_BINARY, true, 0x1234, "\\x82\\x7e\\x12\\x34" },
        { LS_WS_BINARY, true, 65535, "\\x82\\x7e\\xff\\xff" },
        { LS_WS_BINARY, true, 65536, "\\x82\\x7f\\0\\0\\0\\0\\0\\x01\\0\\0" },
        { LS_WS_BINARY, true, 0x0123456789abcdef,
          "\\x82\\x7f\\x01\\x23\\x45\\x67\\x89\\xab\\xcd\\xef" },
        { LS_WS_CLOSE, true, 2, "\\x88\\x02" },
        { LS_WS_PING, true, 125, "\\x89\\x7d" },
        { LS_WS_PONG, true, 0, "\\x8a\\0" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char head[LS_WS_HEAD];
        size_t len = ls_ws_frame_head(cases[i].opcode, cases[i].fin, cases[i].len, head);
        CHECK(ls_slice_equal((struct ls_slice) { head, len }, ws_raw(cases[i].head)));
    }
}

static void check_unmask(size_t align, size_t len, uint64_t offset)
{
    static const unsigned char mask[4] = { 0x37, 0xFA, 0x21, 0x80 };
    char bytes[96] __attribute__((aligned(8))), twin[96];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = twin[i] = (char)(i * 11);
    for (size_t i = 0; i < len; i++)
        twin[align + i] = (char)(twin[align + i] ^ mask[(offset + i) % 4]);
    ls_ws_unmask(bytes + align, len, mask, offset);
    if (memcmp(bytes, twin, sizeof bytes) != 0)
        CHECK_INT(len * 1000 + offset, -1);
}

static void unmasks_at_any_offset(void)
{
    for (size_t align = 0; align < 8; align++)
        for (size_t len = 0; len <= 64; len++) {
            for (uint64_t offset = 0; offset <= 64; offset++)
                check_unmask(align, len, offset);
            check_unmask(align, len, 0x100000003);
            check_unmask(align, len, UINT64_MAX - 64);
        }
}

/* ---- the handshake ---- */

static void answers_keys(void)
{
    static const char *const cases[][2] = {
        { "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" }, /* RFC 6455 1.3 */
        { "AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI=" },
        { "/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g=" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char accept[LS_WS_ACCEPT];
        CHECK(ls_ws_key_is_sound(ls_slice_of(cases[i][0])));
        ls_ws_accept(ls_slice_of(cases[i][0]), accept);
        CHECK_TEXT(((struct ls_slice) { accept, sizeof accept }), cases[i][1]);
    }
}

static void knows_sound_keys(void)
{
    static const char *const sound[] = { "dGhlIHNhbXBsZSBub25jZQ==", "+/09azAZ+/09azAZ+/09aA==",
                                         "AAAAAAAAAAAAAAAAAAAAAQ==", "AAAAAAAAAAAAAAAAAAAAAg==" };
    static const char *const faulty[] = {
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQ== ",
        " dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZR==", /* bits behind the 16th byte */
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25jZWE=", /* 17 bytes */
        "dGhlIHNhbXBsZSBub25jZWFh", /* 18 */
        "dGhlIHNhbXBsZSBub25jZQ=A",
        "dGhlIHNhbXBsZSBub2 jZQ==",
        "dGhlIHNhbXBsZSBub2-jZQ==", /* base64url */
        "dGhlIHNhbXBsZSBub2_jZQ==",
        "dGhlIHNh=XBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub\xC3\xA9jZQ==",
    };
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        CHECK(ls_ws_key_is_sound(ls_slice_of(sound[i])));
    for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++)
        if (ls_ws_key_is_sound(ls_slice_of(faulty[i])))
            vector_fail(faulty[i]);
    CHECK(!ls_ws_key_is_sound((struct ls_slice) { "dGhlIHNhbXBsZSBub25j\0Q==", 24 }));
    CHECK(!ls_ws_key_is_sound((struct ls_slice) { "dGhlIHNhbXBsZSBub25jZ\0==", 24 }));
}

static const struct unit_test tests[] = {
    { "tells messages, however they come", tells_messages_however_they_come },
    { "tells a piece as soon as it is there", tells_a_piece_as_soon_as_it_is_there },
    { "reads every form of length", reads_every_form_of_length },
    { "knows a message of 4 GB and more", knows_a_message_of_4_gigabytes_and_more },
    { "reads nothing after the end", reads_nothing_after_the_end },
    { "stands nothing at all", stands_nothing_at_all },
    { "says whether it is busy", says_whether_it_is_busy },
    { "writes heads", writes_heads },
    { "unmasks at any offset", unmasks_at_any_offset },
    { "answers keys", answers_keys },
    { "knows sound keys", knows_sound_keys },
};

UNIT_MAIN(tests)
