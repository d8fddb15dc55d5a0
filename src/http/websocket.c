#include "http/websocket.h"

#include <assert.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>

/* Of the first two bytes of a head (5.2). */
enum {
    FIN = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0F,
    CONTROL = 0x08, /* the bit that control opcodes have and others have not */
    MASKED = 0x80,
    LENGTH = 0x7F,
    LENGTH_2 = 126, /* the length stands in the next 2 bytes */
    LENGTH_8 = 127  /* … 8 bytes */
};

void ls_ws_reader_init(struct ls_ws_reader *r, uint64_t most)
{
    *r = (struct ls_ws_reader) { .most = most };
}

bool ls_ws_reader_busy(const struct ls_ws_reader *r)
{
    return r->over == 0 && (r->have > 0 || r->message != LS_WS_CONTINUATION);
}

/* ---- the head of a frame ---- */

static enum ls_ws_opcode opcode_of(const struct ls_ws_reader *r)
{
    return (enum ls_ws_opcode)(r->head[0] & OPCODE);
}

static bool is_control(const struct ls_ws_reader *r)
{
    return (r->head[0] & CONTROL) != 0;
}

static bool is_fin(const struct ls_ws_reader *r)
{
    return (r->head[0] & FIN) != 0;
}

static int check_first(const struct ls_ws_reader *r)
{
    bool inside = r->message != LS_WS_CONTINUATION, sound;
    switch (opcode_of(r)) {
    case LS_WS_CONTINUATION:
        sound = inside;
        break;
    case LS_WS_TEXT:
    case LS_WS_BINARY:
        sound = !inside;
        break;
    case LS_WS_CLOSE:
    case LS_WS_PING:
    case LS_WS_PONG:
        sound = is_fin(r);
        break;
    default:
        sound = false;
    }
    return sound && (r->head[0] & RESERVED) == 0 ? 0 : -LS_WS_PROTOCOL;
}

static int check_second(const struct ls_ws_reader *r)
{
    bool small = (r->head[1] & LENGTH) <= LS_WS_CONTROL;
    return (r->head[1] & MASKED) != 0 && (small || !is_control(r)) ? 0 : -LS_WS_PROTOCOL;
}

/* Bytes of the head up to the mask, once the first two are there. */
static size_t before_mask(const struct ls_ws_reader *r)
{
    unsigned length = r->head[1] & LENGTH;
    return length == LENGTH_2 ? 2 + 2 : length == LENGTH_8 ? 2 + 8 : 2;
}

/* Frames are counted because empty ones never bring a message nearer to `most`. */
static int count_frame(struct ls_ws_reader *r)
{
    if (opcode_of(r) != LS_WS_CONTINUATION) {
        r->message = opcode_of(r);
        r->total = r->frames = 0;
        r->utf8 = (struct ls_utf8) { 0 };
    }
    if (r->total > r->most || r->len > r->most - r->total || r->frames == LS_WS_FRAGMENTS)
        return -LS_WS_TOO_BIG;
    r->total += r->len;
    r->frames++;
    return 0;
}

static int take_length(struct ls_ws_reader *r)
{
    size_t end = before_mask(r);
    uint64_t least = end == 2 ? 0 : end == 2 + 2 ? LENGTH_2 : UINT16_MAX + 1;
    r->len = end == 2 ? r->head[1] & LENGTH : 0;
    for (size_t i = 2; i < end; i++)
        r->len = r->len << 8 | r->head[i];
    if (r->len < least || r->len > INT64_MAX)
        return -LS_WS_PROTOCOL;
    return is_control(r) ? 0 : count_frame(r);
}

/* Each fault is found at the byte that makes it one. */
static int take_head(struct ls_ws_reader *r, char byte)
{
    int err = 0;
    r->head[r->have++] = (unsigned char)byte;
    if (r->have < 2)
        return check_first(r);
    if (r->have == 2)
        err = check_second(r);
    if (err == 0 && r->have == before_mask(r))
        err = take_length(r);
    r->in_payload = r->have == before_mask(r) + LS_WS_MASK;
    r->done = 0;
    return err;
}

/* ---- its payload ---- */

static void end_frame(struct ls_ws_reader *r)
{
    r->in_payload = false;
    r->have = 0;
}

/* What a close frame says (5.5.1). */
static int read_close(struct ls_ws_reader *r, struct ls_ws_event *event)
{
    struct ls_slice text = event->payload;
    event->code = LS_WS_NO_STATUS;
    r->over = 1;
    if (text.len == 0)
        return 1;
    if (text.len < 2)
        return -LS_WS_PROTOCOL;
    event->code = (uint16_t)((unsigned char)text.at[0] << 8 | (unsigned char)text.at[1]);
    if (!ls_ws_code_is_sound(event->code))
        return -LS_WS_PROTOCOL;
    return ls_chars_utf8(ls_slice_from(text, 2)) ? 1 : -LS_WS_NOT_UTF8;
}

/* The payload is gathered, for it is told whole. */
static int take_control(struct ls_ws_reader *r, const char *bytes, size_t len,
                        struct ls_ws_event *event)
{
    memcpy(r->control + r->done, bytes, len);
    r->done += len;
    if (r->done < r->len)
        return 0;
    ls_ws_unmask(r->control, (size_t)r->len, r->head + r->have - LS_WS_MASK, 0);
    *event = (struct ls_ws_event) { .opcode = opcode_of(r), .last = true };
    event->payload = (struct ls_slice) { r->control, (size_t)r->len };
    end_frame(r);
    return event->opcode == LS_WS_CLOSE ? read_close(r, event) : 1;
}

static int take_data(struct ls_ws_reader *r, char *bytes, size_t len, struct ls_ws_event *event)
{
    struct ls_slice piece = { bytes, len };
    ls_ws_unmask(bytes, len, r->head + r->have - LS_WS_MASK, r->done);
    r->done += len;
    bool last = r->done == r->len && is_fin(r);
    if (r->message == LS_WS_TEXT &&
        (!ls_chars_utf8_next(&r->utf8, piece) || (last && r->utf8.more > 0)))
        return -LS_WS_NOT_UTF8;
    *event = (struct ls_ws_event) { .opcode = r->message, .payload = piece, .last = last };
    if (r->done == r->len)
        end_frame(r);
    if (last)
        r->message = LS_WS_CONTINUATION;
    return len > 0 || last;
}

static int take_payload(struct ls_ws_reader *r, char *bytes, size_t len, size_t *used,
                        struct ls_ws_event *event)
{
    uint64_t left = r->len - r->done;
    size_t now = left < len ? (size_t)left : len;
    *used += now;
    return is_control(r) ? take_control(r, bytes, now, event) : take_data(r, bytes, now, event);
}

int ls_ws_read(struct ls_ws_reader *r, char *bytes, size_t len, size_t *used,
               struct ls_ws_event *event)
{
    int got = r->over < 0 ? r->over : 0;
    *used = r->over > 0 ? len : 0;
    while (got == 0 && *used < len) {
        if (!r->in_payload)
            got = take_head(r, bytes[(*used)++]);
        if (got == 0 && r->in_payload) /* at once: an empty one ends where its head does */
            got = take_payload(r, bytes + *used, len - *used, used, event);
    }
    if (got < 0)
        r->over = got;
    return got;
}

/* ---- what is written ---- */

size_t ls_ws_frame_head(enum ls_ws_opcode opcode, bool fin, uint64_t len, char head[LS_WS_HEAD])
{
    size_t more = len < LENGTH_2 ? 0 : len <= UINT16_MAX ? 2 : 8;
    head[0] = (char)((fin ? FIN : 0) | (int)opcode);
    head[1] = (char)(more == 0 ? (int)len : more == 2 ? LENGTH_2 : LENGTH_8);
    for (size_t i = 0; i < more; i++)
        head[2 + i] = (char)(len >> 8 * (more - 1 - i));
    return 2 + more;
}

bool ls_ws_code_is_sound(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

void ls_ws_unmask(char *bytes, size_t len, const unsigned char mask[LS_WS_MASK], uint64_t offset)
{
    unsigned char turned[8]; /* the mask as it falls on the first bytes, twice */
    uint64_t by, word;
    size_t i = 0;
    for (size_t k = 0; k < sizeof turned; k++)
        turned[k] = mask[(offset + k) % LS_WS_MASK];
    memcpy(&by, turned, sizeof by);
    for (; len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        word ^= by;
        memcpy(bytes + i, &word, sizeof word);
    }
    for (; i < len; i++)
        bytes[i] = (char)(bytes[i] ^ turned[i % sizeof turned]);
}

/* ---- the handshake ---- */

void ls_ws_accept(struct ls_slice key, char accept[LS_WS_ACCEPT])
{
    static const struct ls_slice guid = { "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36 };
    struct sha1_ctx ctx;
    uint8_t digest[SHA1_DIGEST_SIZE];
    static_assert(BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) == LS_WS_ACCEPT, "as it is sent");
    sha1_init(&ctx);
    sha1_update(&ctx, key.len, (const uint8_t *)key.at);
    sha1_update(&ctx, guid.len, (const uint8_t *)guid.at);
    sha1_digest(&ctx, sizeof digest, digest);
    base64_encode_raw(accept, sizeof digest, digest);
}

static bool is_base64(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '/';
}

bool ls_ws_key_is_sound(struct ls_slice key)
{
    if (key.len != 24 || memcmp(key.at + 22, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < 21; i++)
        if (!is_base64(key.at[i]))
            return false;
    return memchr("AQgw", key.at[21], 4) != NULL;
}
