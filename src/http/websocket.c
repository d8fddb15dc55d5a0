#include "http/websocket.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>

#include "http/chars.h"

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f };
enum { LENGTH_16 = 126, LENGTH_64 = 127, MASK = 4 };

#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* 1.3: every server appends it */

void ls_ws_reader_init(struct ls_ws_reader *r, uint64_t most)
{
    *r = (struct ls_ws_reader) { .most = most, .head_need = 2 };
}

bool ls_ws_reader_busy(const struct ls_ws_reader *r)
{
    return r->message > 0 || r->in_payload || r->head_len > 0;
}

/* ---- UTF-8 as it comes ---- */

/* The first byte of a sequence says how many follow, and which may come next: so overlong forms,
 * surrogates and what lies behind U+10FFFF end at the second byte. */
static bool begin_sequence(struct ls_ws_text *t, unsigned char byte)
{
    *t = (struct ls_ws_text) { 0, 0x80, 0xbf };
    if (byte < 0x80)
        return true;
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    t->need = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (byte == 0xe0)
        t->low = 0xa0;
    if (byte == 0xed)
        t->high = 0x9f;
    if (byte == 0xf0)
        t->low = 0x90;
    if (byte == 0xf4)
        t->high = 0x8f;
    return true;
}

static bool next_byte(struct ls_ws_text *t, unsigned char byte)
{
    if (t->need == 0)
        return begin_sequence(t, byte);
    if (byte < t->low || byte > t->high)
        return false;
    *t = (struct ls_ws_text) { (uint8_t)(t->need - 1), 0x80, 0xbf };
    return true;
}

/* How many bytes from `at` on are ASCII, by words; a few may be left out. */
static size_t ascii(const char *at, size_t len)
{
    const uint64_t high = 0x8080808080808080u;
    size_t i = 0;
    for (uint64_t word; len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, at + i, sizeof word);
        if (word & high)
            break;
    }
    return i;
}

static bool check_text(struct ls_ws_text *t, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (t->need == 0)
            i += ascii(bytes + i, len - i);
        if (i < len && !next_byte(t, (unsigned char)bytes[i]))
            return false;
    }
    return true;
}

/* ---- masks ---- */

void ls_ws_unmask(char *bytes, size_t len, const unsigned char mask[4], uint64_t offset)
{
    unsigned char turned[8];
    uint64_t wide, word;
    size_t i = 0;
    for (size_t k = 0; k < sizeof turned; k++)
        turned[k] = mask[(offset + k) & 3];
    memcpy(&wide, turned, sizeof wide);
    for (; len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        word ^= wide;
        memcpy(bytes + i, &word, sizeof word);
    }
    for (; i < len; i++)
        bytes[i] = (char)(bytes[i] ^ turned[i & 7]);
}

/* ---- the head of a frame ---- */

static bool is_control(unsigned opcode)
{
    return opcode >= LS_WS_CLOSE;
}

static int check_opcode(const struct ls_ws_reader *r, unsigned opcode, bool fin, unsigned length)
{
    if (opcode > LS_WS_PONG || (opcode > LS_WS_BINARY && opcode < LS_WS_CLOSE))
        return -LS_WS_PROTOCOL;
    if (is_control(opcode))
        return fin && length <= LS_WS_CONTROL ? 0 : -LS_WS_PROTOCOL;
    return (opcode == LS_WS_CONTINUATION) == (r->message > 0) ? 0 : -LS_WS_PROTOCOL;
}

/* The first two bytes are there. */
static int read_first(struct ls_ws_reader *r)
{
    unsigned first = r->head[0], second = r->head[1], length = second & LENGTH;
    r->fin = first & FIN;
    r->opcode = first & OPCODE;
    if ((first & RESERVED) || !(second & MASKED))
        return -LS_WS_PROTOCOL;
    r->head_need = (uint8_t)(2 + MASK + (length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0));
    return check_opcode(r, r->opcode, r->fin, length);
}

static uint64_t big_endian(const unsigned char *at, size_t len)
{
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++)
        number = number << 8 | at[i];
    return number;
}

static int read_length(struct ls_ws_reader *r)
{
    size_t bytes = (size_t)r->head_need - 2 - MASK;
    r->size = bytes == 0 ? r->head[1] & LENGTH : big_endian(r->head + 2, bytes);
    if ((bytes == 2 && r->size < LENGTH_16) || (bytes == 8 && r->size <= UINT16_MAX) ||
        r->size > INT64_MAX)
        return -LS_WS_PROTOCOL;
    return 0;
}

static int begin_data(struct ls_ws_reader *r)
{
    if (r->opcode != LS_WS_CONTINUATION) {
        r->message = r->opcode;
        r->total = r->frames = 0;
        r->text = (struct ls_ws_text) { 0, 0, 0 };
    }
    if (++r->frames > LS_WS_FRAGMENTS || r->total > r->most || r->size > r->most - r->total)
        return -LS_WS_TOO_BIG;
    r->total += r->size;
    return 0;
}

/* 1: the head is whole; 0: more has to come; < 0. */
static int read_head(struct ls_ws_reader *r, const char *bytes, size_t len, size_t *used)
{
    while (r->head_len < r->head_need) {
        if (*used == len)
            return 0;
        r->head[r->head_len++] = (unsigned char)bytes[(*used)++];
        int err = r->head_len == 2 ? read_first(r) : 0;
        if (err < 0)
            return err;
    }
    int err = read_length(r);
    if (err == 0 && !is_control(r->opcode))
        err = begin_data(r);
    r->in_payload = true;
    r->at = 0;
    return err < 0 ? err : 1;
}

static const unsigned char *mask_of(const struct ls_ws_reader *r)
{
    return r->head + r->head_need - MASK;
}

/* ---- its payload ---- */

static void end_frame(struct ls_ws_reader *r)
{
    r->in_payload = false;
    r->head_len = 0;
    r->head_need = 2;
}

/* Codes that a peer may not send, or that mean nothing, are the peer's mistake (7.4). */
bool ls_ws_code_is_sound(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int read_close(struct ls_ws_reader *r, struct ls_ws_event *event)
{
    struct ls_slice payload = event->payload;
    event->code = LS_WS_NO_STATUS;
    r->told = true;
    if (payload.len == 0)
        return 1;
    if (payload.len == 1)
        return -LS_WS_PROTOCOL;
    event->code = (uint16_t)((unsigned char)payload.at[0] << 8 | (unsigned char)payload.at[1]);
    if (!ls_ws_code_is_sound(event->code))
        return -LS_WS_PROTOCOL;
    return ls_chars_utf8(ls_slice_from(payload, 2)) ? 1 : -LS_WS_NOT_UTF8;
}

static int read_control(struct ls_ws_reader *r, const char *bytes, size_t len, size_t *used,
                        struct ls_ws_event *event)
{
    size_t left = (size_t)(r->size - r->at), take = len - *used < left ? len - *used : left;
    memcpy(r->control + r->at, bytes + *used, take);
    *used += take;
    r->at += take;
    if (r->at < r->size)
        return 0;
    ls_ws_unmask(r->control, (size_t)r->size, mask_of(r), 0);
    end_frame(r);
    *event = (struct ls_ws_event) { .opcode = r->opcode,
                                    .payload = { r->control, (size_t)r->size },
                                    .last = true };
    return r->opcode == LS_WS_CLOSE ? read_close(r, event) : 1;
}

/* A piece of the message. 0: more has to come; 2: an empty frame in the middle, of which nothing is to
 * be told. */
static int read_data(struct ls_ws_reader *r, char *bytes, size_t len, size_t *used,
                     struct ls_ws_event *event)
{
    uint64_t left = r->size - r->at;
    size_t take = len - *used < left ? len - *used : (size_t)left;
    char *piece = bytes + *used;
    if (take == 0 && left > 0)
        return 0;
    ls_ws_unmask(piece, take, mask_of(r), r->at);
    *used += take;
    r->at += take;
    bool ended = r->at == r->size, last = ended && r->fin;
    *event =
        (struct ls_ws_event) { .opcode = r->message, .payload = { piece, take }, .last = last };
    if (r->message == LS_WS_TEXT &&
        (!check_text(&r->text, piece, take) || (last && r->text.need > 0)))
        return -LS_WS_NOT_UTF8;
    if (ended)
        end_frame(r);
    if (last)
        r->message = 0;
    return take > 0 || last ? 1 : 2;
}

int ls_ws_read(struct ls_ws_reader *r, char *bytes, size_t len, size_t *used,
               struct ls_ws_event *event)
{
    int got = 2;
    *used = 0;
    while (got == 2 && !r->told) {
        if (!r->in_payload)
            got = read_head(r, bytes, len, used);
        if (r->in_payload && got > 0)
            got = is_control(r->opcode) ? read_control(r, bytes, len, used, event)
                                        : read_data(r, bytes, len, used, event);
    }
    if (r->told && got == 2) { /* what comes after the end is of no interest */
        *used = len;
        return 0;
    }
    r->told |= got < 0;
    return got;
}

/* ---- what we write ---- */

size_t ls_ws_frame_head(enum ls_ws_opcode opcode, bool fin, uint64_t len, char head[LS_WS_HEAD])
{
    size_t bytes = len < LENGTH_16 ? 0 : len <= UINT16_MAX ? 2 : 8;
    head[0] = (char)((fin ? FIN : 0) | opcode);
    head[1] = (char)(bytes == 0 ? len : bytes == 2 ? LENGTH_16 : LENGTH_64);
    for (size_t i = 0; i < bytes; i++)
        head[2 + i] = (char)(len >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

/* ---- the opening handshake ---- */

bool ls_ws_key_is_sound(struct ls_slice key)
{
    struct base64_decode_ctx context;
    uint8_t decoded[BASE64_DECODE_LENGTH(24)];
    size_t len = sizeof decoded;
    base64_decode_init(&context);
    return key.len == 24 && base64_decode_update(&context, &len, decoded, key.len, key.at) &&
           base64_decode_final(&context) && len == 16;
}

void ls_ws_accept(struct ls_slice key, char accept[LS_WS_ACCEPT])
{
    struct sha1_ctx context;
    uint8_t digest[SHA1_DIGEST_SIZE];
    sha1_init(&context);
    sha1_update(&context, key.len, (const uint8_t *)key.at);
    sha1_update(&context, sizeof KEY_SUFFIX - 1, (const uint8_t *)KEY_SUFFIX);
    sha1_digest(&context, sizeof digest, digest);
    base64_encode_raw(accept, sizeof digest, digest);
}
