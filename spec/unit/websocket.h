/* A client's end of a WebSocket: frames are put together, given to a reader in pieces, and what it
 * tells of them becomes text. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include "vectors.h"

#include "http/websocket.h"

enum { FIN = 0x80, MASKED = 0x80, ROOM = 16, BYTES = 1 << 17, NO_LIMIT = 1 << 30 };

/* ---- what a reader tells, as text ---- */

/* A message is logged when it has ended, "text:abc|", a control frame as it comes, "[ping:abc]",
 * "[close 1000:bye]"; a long payload as "#" and its length. */
struct ws_outcome {
    char log[512], message[BYTES];
    size_t log_len, len, taken;
    unsigned pieces;
    int end;
};

static struct ws_outcome ws;
static struct ls_ws_reader reader;

static inline void ws_begin(uint64_t most)
{
    ws.log[0] = '\0';
    ws.log_len = ws.len = ws.taken = ws.pieces = 0;
    ws.end = 0;
    ls_ws_reader_init(&reader, most);
}

static inline void ws_add(const char *before, struct ls_slice text, const char *behind)
{
    char *at = ws.log + ws.log_len;
    size_t room = sizeof ws.log - ws.log_len;
    int len = text.len > 64
                  ? snprintf(at, room, "%s:#%zu%s", before, text.len, behind)
                  : snprintf(at, room, "%s:%.*s%s", before, (int)text.len, text.at, behind);
    ws.log_len += (size_t)len < room ? (size_t)len : 0;
}

static inline void ws_tell_control(const struct ls_ws_event *event)
{
    struct ls_slice text = event->payload;
    char name[16] = "[ping";
    CHECK(event->last);
    CHECK(text.at == reader.control && text.len <= LS_WS_CONTROL);
    if (event->opcode == LS_WS_PONG)
        strcpy(name, "[pong");
    else if (event->opcode == LS_WS_CLOSE)
        snprintf(name, sizeof name, "[close %d", event->code);
    if (event->opcode == LS_WS_CLOSE && text.len > 0)
        text = ls_slice_from(text, 2);
    ws_add(name, text, "]");
}

static inline void ws_tell(const struct ls_ws_event *event, const char *from, size_t used)
{
    struct ls_slice piece = event->payload;
    if (event->opcode != LS_WS_TEXT && event->opcode != LS_WS_BINARY) {
        ws_tell_control(event);
        return;
    }
    CHECK(piece.at >= from && piece.at + piece.len <= from + used);
    CHECK(piece.len > 0 || event->last);
    CHECK(ws.len + piece.len <= sizeof ws.message);
    memcpy(ws.message + ws.len, piece.at, piece.len);
    ws.len += piece.len;
    ws.pieces++;
    if (!event->last)
        return;
    ws_add(event->opcode == LS_WS_TEXT ? "text" : "binary",
           (struct ls_slice) { ws.message, ws.len }, "|");
    ws.len = 0;
}

/* One read of the socket, so to say; a byte read behind it is a crash where it is not too long. */
static inline void ws_feed(const char *bytes, size_t len)
{
    static char room[BYTES];
    struct ls_ws_event event;
    char *at =
        len <= VECTOR_ROOM ? (char *)(uintptr_t)vector_guard(bytes, len) : memcpy(room, bytes, len);
    do {
        size_t used = len + 1;
        ws.end = ls_ws_read(&reader, at, len, &used, &event);
        CHECK(used <= len);
        if (ws.end == 1)
            ws_tell(&event, at, used);
        ws.taken += used;
        at += used, len -= used;
    } while (ws.end == 1);
    CHECK(ws.end < 0 || len == 0);
}

/* The first piece has `first` bytes, each other `step`. Ends at a fault. */
static inline void ws_run(struct ls_slice in, uint64_t most, size_t first, size_t step)
{
    ws_begin(most);
    for (size_t at = 0, len = first; at < in.len && ws.end == 0; at += len, len = step) {
        if (len > in.len - at)
            len = in.len - at;
        ws_feed(in.at + at, len);
    }
}

static inline void ws_check(struct ls_slice in, uint64_t most, const char *log, int end)
{
    for (size_t first = 1; first <= in.len && first < 300; first++) {
        ws_run(in, most, first, in.len);
        CHECK_TEXT(((struct ls_slice) { ws.log, ws.log_len }), log);
        CHECK_INT(ws.end, end);
    }
    for (size_t step = 1; step <= 9; step++) {
        ws_run(in, most, step, step);
        CHECK_TEXT(((struct ls_slice) { ws.log, ws.log_len }), log);
        CHECK_INT(ws.end, end);
    }
    ws_run(in, most, in.len, in.len);
    CHECK_TEXT(((struct ls_slice) { ws.log, ws.log_len }), log);
    CHECK_INT(ws.end, end);
}

/* ---- frames ---- */

static struct {
    char at[BYTES];
    size_t len;
} sent;

static inline struct ls_slice ws_sent(void)
{
    return (struct ls_slice) { sent.at, sent.len };
}

static inline void ws_put(const void *bytes, size_t len)
{
    CHECK(len <= sizeof sent.at - sent.len);
    memcpy(sent.at + sent.len, bytes, len);
    sent.len += len;
}

static inline void ws_put_frame(int first, struct ls_slice payload)
{
    static const unsigned char masks[][4] = { { 0x37, 0xFA, 0x21, 0x3D },
                                              { 0, 0, 0, 0 },
                                              { 0xFF, 0x80, 0x00, 0x01 } };
    const unsigned char *mask = masks[sent.len % 3];
    char head[LS_WS_HEAD];
    size_t len = ls_ws_frame_head((enum ls_ws_opcode)(first & 15), first & FIN, payload.len, head);
    head[1] = (char)(head[1] | MASKED);
    ws_put(head, len);
    ws_put(mask, 4);
    for (size_t i = 0; i < payload.len; i++) {
        char byte = (char)(payload.at[i] ^ mask[i % 4]);
        ws_put(&byte, 1);
    }
}

struct ws_frame {
    int first;           /* its first byte */
    const char *payload; /* NULL: no more frames */
};

static inline struct ls_slice ws_frames(const struct ws_frame *all)
{
    sent.len = 0;
    for (; all->payload; all++)
        ws_put_frame(all->first, ls_slice_of(all->payload));
    return ws_sent();
}

/* In the notation of vectors. */
static inline struct ls_slice ws_raw(const char *text)
{
    static char bytes[VECTOR_ROOM];
    return (struct ls_slice) { bytes, vector_bytes(text, '\0', bytes, NULL) };
}

#endif
