/* WebSocket framing (RFC 6455 4–7), without I/O and without memory of its own: what a server reads
 * and writes once the connection is upgraded. No extensions: a reserved bit is a fault.
 *
 *     while ((got = ls_ws_read(&reader, bytes, len, &used, &event)) > 0) {
 *         …
 *         bytes += used, len -= used;
 *     }
 */
#ifndef LS_HTTP_WEBSOCKET_H
#define LS_HTTP_WEBSOCKET_H

#include "base/slice.h"
#include "http/chars.h"

enum ls_ws_opcode {
    LS_WS_CONTINUATION = 0,
    LS_WS_TEXT = 1,
    LS_WS_BINARY = 2,
    LS_WS_CLOSE = 8,
    LS_WS_PING = 9,
    LS_WS_PONG = 10
};

enum { /* status codes of a close frame (7.4.1), those that we say ourselves */
       LS_WS_NORMAL = 1000,
       LS_WS_GOING_AWAY = 1001,
       LS_WS_PROTOCOL = 1002,
       LS_WS_NO_STATUS = 1005, /* never sent: a close frame came without a code */
       LS_WS_LOST = 1006,      /* the same: the connection ended without a close frame */
       LS_WS_NOT_UTF8 = 1007,
       LS_WS_POLICY = 1008,
       LS_WS_TOO_BIG = 1009,
       LS_WS_FAILED = 1011
};

enum {
    LS_WS_CONTROL = 125,       /* bytes of a control frame's payload at most (5.5) */
    LS_WS_HEAD = 10,           /* bytes of the head of an unmasked frame at most */
    LS_WS_ACCEPT = 28,         /* bytes of a Sec-WebSocket-Accept */
    LS_WS_FRAGMENTS = 1 << 20, /* frames of a message at most */
    LS_WS_MASK = 4
};

struct ls_ws_event {
    enum ls_ws_opcode opcode; /* of the message or of the control frame; never CONTINUATION */
    struct ls_slice payload;  /* unmasked: a piece of the message, which lies in the bytes that were
                                 given; or the control frame's whole payload, which lies in the reader
                                 until the next call */
    bool last;                /* the message, or control frame, ends with this piece */
    uint16_t code;            /* of CLOSE: what it says, or LS_WS_NO_STATUS; its reason is payload
                                 without the first two bytes */
};

struct ls_ws_reader {
    uint64_t most; /* bytes of a message; set by the owner, may change between messages */
    /* private */
    int over;                                    /* 1: a CLOSE was told; < 0: the fault */
    unsigned char head[LS_WS_HEAD + LS_WS_MASK]; /* of the frame at hand, as it came */
    uint8_t have;                                /* bytes of it */
    bool in_payload;                             /* it is whole */
    uint64_t len, done;                          /* bytes of the frame's payload; those that came */
    enum ls_ws_opcode message;                   /* the one at hand; CONTINUATION: none */
    uint64_t total;              /* its bytes, with those that this frame announces */
    uint32_t frames;             /* its frames, with this one */
    struct ls_utf8 utf8;         /* where its text stands */
    char control[LS_WS_CONTROL]; /* payload of a control frame */
};

void ls_ws_reader_init(struct ls_ws_reader *r, uint64_t most);

/* Takes bytes that a client sent, up to one event; *used: how many were taken (they may have been
 * unmasked in place). 1: *event; an empty last piece is told too, and a piece is told as soon as any of
 * it is there. 0: all were taken and there is no event. < 0: the client broke the protocol: the negative
 * of the status code to close with (-1002, -1007: text that is not UTF-8, as early as the bytes show it,
 * -1009: the message, or a frame's stated length with what came before, has more than `most` bytes, or
 * more than LS_WS_FRAGMENTS frames). After that, and after a CLOSE event, nothing more is read: the same
 * fault is answered again with none taken; after a CLOSE, 0 with all passed over.
 * A piece in which a text stops being UTF-8 is not told, not even up to there.
 * Refused with 1002: reserved bits, reserved opcodes, unmasked frames, control frames that are fragmented
 * or longer than 125, a length not in its shortest form or with the top bit set, a continuation of nothing,
 * a new message inside another, a close payload of 1 byte, a close code that may not be sent (7.4: < 1000,
 * 1004–1006, 1015–2999, > 4999; 1012–1014, which IANA has registered since, may). A close reason that is
 * not UTF-8 is refused with 1007. */
int ls_ws_read(struct ls_ws_reader *r, char *bytes, size_t len, size_t *used,
               struct ls_ws_event *event);

/* In the middle of a message, or of a frame? Not once nothing more is read. */
bool ls_ws_reader_busy(const struct ls_ws_reader *r);

/* The head of an unmasked frame; its length, at most LS_WS_HEAD. */
size_t ls_ws_frame_head(enum ls_ws_opcode opcode, bool fin, uint64_t len, char head[LS_WS_HEAD]);

/* A code that an endpoint may put into a close frame: as above. */
bool ls_ws_code_is_sound(uint16_t code);

/* XORs the mask, which is the four bytes of the frame in memory order, into bytes of which the first is
 * the payload's byte number `offset`; by words of 8 where there are that many. */
void ls_ws_unmask(char *bytes, size_t len, const unsigned char mask[LS_WS_MASK], uint64_t offset);

/* Sec-WebSocket-Accept for a key (4.2.2). `key` must have been found sound: */
void ls_ws_accept(struct ls_slice key, char accept[LS_WS_ACCEPT]);

/* Base64 of exactly 16 bytes: 24 characters, 22 and "==", of which the last of the 22 says two bits
 * alone, as whoever encodes 16 bytes has it (RFC 4648 3.5). */
bool ls_ws_key_is_sound(struct ls_slice key);

#endif
