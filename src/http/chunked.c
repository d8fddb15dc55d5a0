#include "http/chunked.h"

#include "http/chars.h"

/* What the next byte is part of. */
enum state {
    SIZE,        /* chunk-size, at least one digit */
    SIZE_MORE,   /* chunk-size, further digits, or what ends it */
    EXTENSION,   /* chunk-ext, dropped up to its CR */
    QUOTED,      /* a quoted string in it */
    QUOTED_PAIR, /* behind a backslash in one */
    SIZE_LF,     /* the LF that ends the size line */
    DATA,        /* chunk-data */
    DATA_CR,     /* CR LF behind it */
    DATA_LF,
    TRAILER,       /* begin of a trailer line, or the CR of the empty one */
    TRAILER_NAME,  /* further bytes of its name */
    TRAILER_VALUE, /* its value */
    TRAILER_LF,
    END_LF /* the LF of the empty line */
};

static bool value_byte(unsigned char byte)
{
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

static int digit(struct ls_chunked *c, unsigned char byte)
{
    int value = ls_char_hex(byte);
    if (value < 0)
        return -400;
    if (c->left >> 59 != 0) /* one digit more has to fit into 63 bits */
        return -400;
    c->left = c->left << 4 | (unsigned)value;
    c->state = SIZE_MORE;
    return 0;
}

static int end_of_size(struct ls_chunked *c)
{
    c->count = 0;
    c->state = c->left > 0 ? DATA : TRAILER;
    return 0;
}

static int to(struct ls_chunked *c, enum state next, bool allowed)
{
    c->state = (uint8_t)next;
    return allowed ? 0 : -400;
}

static int size_byte(struct ls_chunked *c, unsigned char byte)
{
    if (++c->count > LS_CHUNKED_LINE)
        return -400;
    switch (c->state) {
    case SIZE:
        return digit(c, byte);
    case SIZE_MORE:
        if (byte == '\r')
            return to(c, SIZE_LF, true);
        return byte == ';' ? to(c, EXTENSION, true) : digit(c, byte);
    case EXTENSION:
        if (byte == '\r')
            return to(c, SIZE_LF, true);
        return to(c, byte == '"' ? QUOTED : EXTENSION, value_byte(byte));
    case QUOTED:
        return to(c,
                  byte == '"'    ? EXTENSION
                  : byte == '\\' ? QUOTED_PAIR
                                 : QUOTED,
                  value_byte(byte));
    case QUOTED_PAIR:
        return to(c, QUOTED, value_byte(byte));
    case SIZE_LF:
    default:
        return byte == '\n' ? end_of_size(c) : -400;
    }
}

static int trailer_byte(struct ls_chunked *c, unsigned char byte)
{
    if (++c->count > LS_CHUNKED_TRAILERS)
        return -400;
    switch (c->state) {
    case TRAILER:
        return byte == '\r' ? to(c, END_LF, true) : to(c, TRAILER_NAME, ls_char_token(byte));
    case TRAILER_NAME:
        return byte == ':' ? to(c, TRAILER_VALUE, true) : to(c, TRAILER_NAME, ls_char_token(byte));
    case TRAILER_VALUE:
        return byte == '\r' ? to(c, TRAILER_LF, true) : to(c, TRAILER_VALUE, value_byte(byte));
    case TRAILER_LF:
        return to(c, TRAILER, byte == '\n');
    case END_LF:
    default:
        c->done = true;
        return byte == '\n' ? 0 : -400;
    }
}

static int framing_byte(struct ls_chunked *c, unsigned char byte)
{
    if (c->state <= SIZE_LF)
        return size_byte(c, byte);
    if (c->state == DATA_CR)
        return to(c, DATA_LF, byte == '\r');
    if (c->state == DATA_LF)
        return to(c, SIZE, byte == '\n');
    return trailer_byte(c, byte);
}

static size_t take_data(struct ls_chunked *c, struct ls_slice in, struct ls_slice *content)
{
    *content = in;
    if (content->len > c->left)
        content->len = (size_t)c->left;
    c->left -= content->len;
    if (c->left == 0)
        c->state = DATA_CR;
    return content->len;
}

int64_t ls_chunked_feed(struct ls_chunked *c, struct ls_slice in, struct ls_slice *content)
{
    size_t at = 0;
    *content = (struct ls_slice) { in.at, 0 };
    while (at < in.len && !c->done) {
        if (c->state == DATA) {
            at += take_data(c, ls_slice_from(in, at), content);
            break;
        }
        if (framing_byte(c, (unsigned char)in.at[at++]) < 0)
            return -400;
    }
    return (int64_t)at;
}
