/* Classes of bytes (RFC 9110 5.5, 5.6; RFC 3986 2, 3.2.2). */
#ifndef LS_HTTP_CHARS_H
#define LS_HTTP_CHARS_H

#include "base/slice.h"

enum ls_char_class {
    LS_CHAR_TOKEN = 1,  /* tchar */
    LS_CHAR_TARGET = 2, /* of a request target: 0x21–0x7E less " < > \ #; what browsers send raw
                           though RFC 3986 does not know it, [ ] | ^ ` { }, is in */
    LS_CHAR_HOST = 4,   /* of a reg-name, but for "%": unreserved, sub-delims */
    LS_CHAR_VALUE = 8,  /* of a field value: HTAB, SP, VCHAR, obs-text */
    LS_CHAR_ETAG = 16,  /* etagc: VCHAR less ", obs-text */
    LS_CHAR_QUOTED = 32 /* qdtext: of a quoted-string, without backslash */
};

extern const uint8_t ls_char_classes[256];

static inline bool ls_char_is(enum ls_char_class classes, char byte)
{
    return (ls_char_classes[(unsigned char)byte] & classes) != 0;
}

static inline bool ls_char_token(unsigned char byte)
{
    return (ls_char_classes[byte] & LS_CHAR_TOKEN) != 0;
}

static inline bool ls_char_target(unsigned char byte)
{
    return (ls_char_classes[byte] & LS_CHAR_TARGET) != 0;
}

static inline int ls_char_hex(unsigned char byte) /* 0–15, or -1 */
{
    unsigned digit = byte - (unsigned)'0', letter = (byte | 0x20u) - (unsigned)'a';
    return digit <= 9 ? (int)digit : letter <= 5 ? (int)letter + 10 : -1;
}

/* Length of the longest prefix of which every byte is of the class. 16 bytes a step, and none
 * behind the slice is read. */
size_t ls_chars_token(struct ls_slice text);
size_t ls_chars_target(struct ls_slice text);
size_t ls_chars_value(struct ls_slice text);

bool ls_chars_utf8(struct ls_slice text); /* well-formed: no overlong forms, no surrogates */

struct ls_utf8 {             /* all zero to begin */
    uint8_t more, low, high; /* bytes that the sequence at hand lacks; where the next must lie */
};

/* The same for a text that comes in pieces: false as soon as a byte cannot stand where it does, after
 * which *u is of no use. The text may end where `more` is 0. */
bool ls_chars_utf8_next(struct ls_utf8 *u, struct ls_slice text);

#endif
