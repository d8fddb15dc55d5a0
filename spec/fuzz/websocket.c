/* WebSocket frames: byte by byte, in pieces and at once give the same messages and the same fault;
 * what was taken is within what was given, and text is UTF-8. */
#include "fuzz.h"

#include "http/websocket.h"

struct sum {
    uint64_t hash; /* of the messages that ended and the control frames */
    int end;       /* < 0: the fault */
    bool busy;
    size_t taken;
    char *message; /* room for as much as there is input */
    size_t len;
};

static void add(struct sum *s, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        s->hash = (s->hash ^ at[i]) * 1099511628211u;
}

static void add_whole(struct sum *s, const struct ls_ws_event *event, struct ls_slice whole)
{
    uint64_t says[] = { event->opcode, event->code, whole.len };
    add(s, says, sizeof says);
    add(s, whole.at, whole.len);
}

static void tell(struct sum *s, const struct ls_ws_event *event, struct ls_slice taken,
                 uint64_t most)
{
    struct ls_slice piece = event->payload;
    if (event->opcode >= LS_WS_CLOSE) {
        FUZZ_CHECK(event->last && piece.len <= LS_WS_CONTROL);
        FUZZ_CHECK(event->opcode != LS_WS_CLOSE || ls_ws_code_is_sound(event->code) ||
                   (event->code == LS_WS_NO_STATUS && piece.len == 0));
        add_whole(s, event, piece);
        return;
    }
    FUZZ_CHECK(event->opcode == LS_WS_TEXT || event->opcode == LS_WS_BINARY);
    FUZZ_CHECK(piece.at >= taken.at && piece.at + piece.len <= taken.at + taken.len);
    FUZZ_CHECK(piece.len > 0 || event->last);
    memcpy(s->message + s->len, piece.at, piece.len);
    s->len += piece.len;
    FUZZ_CHECK(s->len <= most);
    if (!event->last)
        return;
    struct ls_slice whole = { s->message, s->len };
    FUZZ_CHECK(event->opcode != LS_WS_TEXT || ls_chars_utf8(whole));
    add_whole(s, event, whole);
    s->len = 0;
}

/* `step` bytes each time. */
static struct sum run(const uint8_t *data, size_t size, size_t step, uint64_t most)
{
    struct ls_ws_reader r;
    struct sum s = { .hash = 14695981039346656037u };
    char *message = s.message = fuzz_copy(data, size);
    ls_ws_reader_init(&r, most);
    for (size_t given = 0; given < size && s.end == 0; given += step) {
        size_t len = size - given < step ? size - given : step;
        char *piece = fuzz_copy(data + given, len), *at = piece;
        do {
            struct ls_ws_event event;
            size_t used = len + 1;
            s.end = ls_ws_read(&r, at, len, &used, &event);
            FUZZ_CHECK(used <= len && (s.end != 0 || used == len));
            if (s.end == 1)
                tell(&s, &event, (struct ls_slice) { at, used }, most);
            at += used, len -= used, s.taken += used;
        } while (s.end == 1);
        free(piece);
    }
    s.busy = ls_ws_reader_busy(&r);
    if (s.end == 0) /* of a text that breaks, how much is told before depends on the pieces */
        add(&s, s.message, s.len);
    free(message);
    return s;
}

/* The first byte says how big a message may be. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint64_t most = data[0] < 64 ? (uint64_t)1 << data[0] : UINT64_MAX;
    data++, size--;
    struct sum once = run(data, size, size > 0 ? size : 1, most), bytes = run(data, size, 1, most),
               pieces = run(data, size, 7, most);
    FUZZ_CHECK(once.end == bytes.end && once.end == pieces.end);
    FUZZ_CHECK(once.busy == bytes.busy && once.busy == pieces.busy);
    FUZZ_CHECK(once.hash == bytes.hash && once.hash == pieces.hash);
    FUZZ_CHECK(bytes.taken <= once.taken && bytes.taken <= pieces.taken);
    return 0;
}
