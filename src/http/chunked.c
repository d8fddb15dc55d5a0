#include "http/chunked.h"

#include "http/chars.h"

/* What the next byte is part of. An extension is BWS ";" BWS name [ BWS "=" BWS value ], the value
 * a token or a quoted-string; blanks before the CR are no part of the grammar. */
enum state {
    SIZE,        /* chunk-size, at least one digit */
    SIZE_MORE,   /* further digits, or what ends it */
    BEFORE_SEMI, /* blanks behind the size or a value */
    BEFORE_NAME, /* behind a ";" */
    NAME,
    BEHIND_NAME,  /* blanks behind a name */
    BEFORE_VALUE, /* behind a "=" */
    VALUE,
    QUOTED,
    QUOTED_PAIR, /* behind a backslash */
    QUOTED_END,  /* behind the second quote */
    SIZE_LF,     /* the LF that ends the size line */
    DATA,        /* chunk-data */
    DATA_CR,     /* CR LF behind it */
    DATA_LF,
    TRAILER,      /* begin of a trailer line, or the CR of the empty one */
    TRAILER_NAME, /* further bytes of its name */
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF, /* the LF of the empty line */
    BROKEN  /* behind a fault: nothing that follows makes it whole */
};

static int to(struct ls_chunked *c, enum state next, bool allowed)
{
    c->state = (uint8_t)next;
    return allowed ? 0 : -400;
}

static int digit(struct ls_chunked *c, char byte)
{
    int value = ls_char_hex((unsigned char)byte);
    if (value < 0 || c->left >> 59 != 0) /* one digit more has to fit into 63 bits */
        return -400;
    c->left = c->left << 4 | (unsigned)value;
    c->state = SIZE_MORE;
    return 0;
}

/* A chunk is allowed 16 bytes of size line, and two more for each byte of content: many small
 * chunks with long extensions would make us read much for little. */
static int end_of_size(struct ls_chunked *c)
{
    uint64_t allowed = c->left > UINT32_MAX / 4 ? UINT32_MAX : 16 + 2 * c->left;
    c->excess += c->count;
    c->excess -= c->excess < allowed ? c->excess : (uint32_t)allowed;
    c->count = 0;
    c->state = c->left > 0 ? DATA : TRAILER;
    return c->excess > LS_CHUNKED_EXCESS ? -400 : 0;
}

/* What may stand behind a size, a name or a value; `other` is for any other byte. */
static int part_end(struct ls_chunked *c, char byte, enum state blanks, int other)
{
    switch (byte) {
    case '\r':
        return to(c, SIZE_LF, true);
    case ';':
        return to(c, BEFORE_NAME, true);
    case ' ':
    case '\t':
        return to(c, blanks, true);
    default:
        return other;
    }
}

static int between(struct ls_chunked *c, char byte)
{
    if (byte == ' ' || byte == '\t')
        return 0;
    switch (c->state) {
    case BEFORE_SEMI:
        return to(c, BEFORE_NAME, byte == ';');
    case BEFORE_NAME:
        return to(c, NAME, ls_char_is(LS_CHAR_TOKEN, byte));
    case BEHIND_NAME:
        return byte == '=' ? to(c, BEFORE_VALUE, true) : to(c, BEFORE_NAME, byte == ';');
    case BEFORE_VALUE:
    default:
        return byte == '"' ? to(c, QUOTED, true) : to(c, VALUE, ls_char_is(LS_CHAR_TOKEN, byte));
    }
}

static int extension_byte(struct ls_chunked *c, char byte)
{
    switch (c->state) {
    case NAME:
        if (ls_char_is(LS_CHAR_TOKEN, byte))
            return 0;
        return byte == '=' ? to(c, BEFORE_VALUE, true) : part_end(c, byte, BEHIND_NAME, -400);
    case VALUE:
        if (ls_char_is(LS_CHAR_TOKEN, byte))
            return 0;
        return part_end(c, byte, BEFORE_SEMI, -400);
    case QUOTED:
        if (byte == '"' || byte == '\\')
            return to(c, byte == '"' ? QUOTED_END : QUOTED_PAIR, true);
        return to(c, QUOTED, ls_char_is(LS_CHAR_QUOTED, byte));
    case QUOTED_PAIR:
        return to(c, QUOTED, ls_char_is(LS_CHAR_VALUE, byte));
    case QUOTED_END:
        return part_end(c, byte, BEFORE_SEMI, -400);
    default:
        return between(c, byte);
    }
}

static int size_byte(struct ls_chunked *c, char byte)
{
    if (++c->count > LS_CHUNKED_LINE)
        return -400;
    switch (c->state) {
    case SIZE:
        return digit(c, byte);
    case SIZE_MORE:
        return ls_char_hex((unsigned char)byte) >= 0 ? digit(c, byte)
                                                     : part_end(c, byte, BEFORE_SEMI, -400);
    case SIZE_LF:
        return byte == '\n' ? end_of_size(c) : -400;
    default:
        return extension_byte(c, byte);
    }
}

static int trailer_byte(struct ls_chunked *c, char byte)
{
    if (++c->count > LS_CHUNKED_TRAILERS)
        return -400;
    switch (c->state) {
    case TRAILER:
        return byte == '\r' ? to(c, END_LF, true)
                            : to(c, TRAILER_NAME, ls_char_is(LS_CHAR_TOKEN, byte));
    case TRAILER_NAME:
        return byte == ':' ? to(c, TRAILER_VALUE, true)
                           : to(c, TRAILER_NAME, ls_char_is(LS_CHAR_TOKEN, byte));
    case TRAILER_VALUE:
        return byte == '\r' ? to(c, TRAILER_LF, true)
                            : to(c, TRAILER_VALUE, ls_char_is(LS_CHAR_VALUE, byte));
    case TRAILER_LF:
        return to(c, TRAILER, byte == '\n');
    case END_LF:
    default:
        c->done = byte == '\n';
        return c->done ? 0 : -400;
    }
}

static int framing_byte(struct ls_chunked *c, char byte)
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
    if (c->state == BROKEN)
        return -400;
    while (at < in.len && !c->done) {
        if (c->state == DATA) {
            at += take_data(c, ls_slice_from(in, at), content);
            break;
        }
        if (framing_byte(c, in.at[at++]) < 0)
            return to(c, BROKEN, false);
    }
    return (int64_t)at;
}
