#include "vectors.h"

#include "http/chars.h"

/* The classes in words; each fast routine is held against these, byte for byte. */

static bool alphanumeric(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool one_of(const char *set, int c)
{
    return c != 0 && c < 0x80 && strchr(set, c) != NULL;
}

static bool token(int c)
{
    return alphanumeric(c) || one_of("!#$%&'*+-.^_`|~", c);
}

static bool visible(int c)
{
    return c > 0x20 && c < 0x7F;
}

static bool value(int c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7F);
}

static bool target(int c)
{
    return visible(c) && !one_of("\"<>\\#", c);
}

static bool host(int c)
{
    return alphanumeric(c) || one_of("-._~!$&'()*+,;=", c);
}

static bool etag(int c)
{
    return c == 0x21 || (c >= 0x23 && c != 0x7F);
}

static bool quoted(int c)
{
    return value(c) && c != '"' && c != '\\';
}

static void knows_the_classes(void)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        CHECK_INT(ls_char_is(LS_CHAR_TOKEN, byte), token(c));
        CHECK_INT(ls_char_is(LS_CHAR_TARGET, byte), target(c));
        CHECK_INT(ls_char_is(LS_CHAR_HOST, byte), host(c));
        CHECK_INT(ls_char_is(LS_CHAR_VALUE, byte), value(c));
        CHECK_INT(ls_char_is(LS_CHAR_ETAG, byte), etag(c));
        CHECK_INT(ls_char_is(LS_CHAR_QUOTED, byte), quoted(c));
        CHECK_INT(ls_char_token((unsigned char)c), token(c));
        CHECK_INT(ls_char_target((unsigned char)c), target(c));
    }
}

static void reads_hex_digits(void)
{
    static const char digits[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    for (int c = 0; c < 256; c++) {
        const char *at = c ? strchr(digits, c) : NULL, *up = c ? strchr(upper, c) : NULL;
        CHECK_INT(ls_char_hex((unsigned char)c), at ? at - digits : up ? up - upper : -1);
    }
}

static size_t naive(bool (*class)(int), const char *bytes, size_t len)
{
    size_t i = 0;
    while (i < len && class((unsigned char)bytes[i]))
        i++;
    return i;
}

static void compare(const char *bytes, size_t len)
{
    struct ls_slice text = { vector_guard(bytes, len), len };
    CHECK_INT(ls_chars_token(text), naive(token, bytes, len));
    CHECK_INT(ls_chars_value(text), naive(value, bytes, len));
    CHECK_INT(ls_chars_target(text), naive(target, bytes, len));
}

/* Any byte, at any place, in runs of any length up to a few steps. */
static void finds_the_first_other_byte(void)
{
    char bytes[70];
    for (size_t len = 0; len < sizeof bytes; len++) {
        memset(bytes, 'x', sizeof bytes);
        compare(bytes, len);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                bytes[at] = (char)c;
                compare(bytes, len);
            }
            bytes[at] = 'x';
        }
    }
}

static bool utf8(const char *text, size_t len)
{
    return ls_chars_utf8((struct ls_slice) { vector_guard(text, len), len });
}

/* Encodes without asking whether it may. */
static size_t encode(uint32_t code, int size, char out[4])
{
    static const int leads[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    if (size == 1)
        return out[0] = (char)code, 1;
    for (int i = size - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(leads[size] | (int)code);
    return (size_t)size;
}

/* Each code point in each length it fits in: well-formed is the shortest, and no surrogate. */
static void knows_well_formed_utf8(void)
{
    static const uint32_t most[] = { 0, 0x7F, 0x7FF, 0xFFFF, 0x10FFFF };
    char bytes[4];
    for (int size = 1; size <= 4; size++) {
        for (uint32_t code = 0; code <= (size < 4 ? most[size] : 0x1FFFFF); code++) {
            bool well = code > (size == 1 ? 0 : most[size - 1]) && code <= most[size] &&
                        !(code >= 0xD800 && code <= 0xDFFF);
            size_t len = encode(code, size, bytes);
            if (utf8(bytes, len) != (well || (size == 1 && code == 0)))
                CHECK_INT(code, -1);
        }
    }
}

static void refuses_torn_utf8(void)
{
    static const char text[] = "0123456789abcdef\xE2\x82\xAC"
                               "0123456789abcdef\xF0\x9F\x98\x80";
    CHECK(utf8(text, sizeof text - 1));
    for (size_t len = 0; len < sizeof text - 1; len++)
        CHECK_INT(utf8(text, len), len <= 16 || (len >= 19 && len <= 35));
    CHECK(!utf8("\x80", 1));
    CHECK(!utf8("\xFF", 1));
    CHECK(!utf8("\xC3(", 2));
    CHECK(!utf8("\xE2\x82(", 3));
    CHECK(!utf8("\xF0\x9F\x98(", 4));
}

/* The same pieces, split at each place, and the first byte that cannot be is the one refused. */
static void checks_utf8_in_pieces(void)
{
    static const struct {
        const char *text;
        size_t sound; /* bytes that stand; one more is refused, if there is one */
        uint8_t more; /* then missing */
    } cases[] = {
        { "", 0, 0 },
        { "plain", 5, 0 },
        { "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80z", 11, 0 },
        { "0123456789abcdef\xE2\x82", 18, 1 },
        { "0123456789abcdef\xF0", 17, 3 },
        { "ab\x80", 2, 0 },
        { "\xC1\xBF", 0, 0 },
        { "\xE0\x9F\xBF", 1, 2 },
        { "\xED\xA0\x80", 1, 2 },
        { "\xF0\x8F\xBF\xBF", 1, 3 },
        { "\xF4\x90\x80\x80", 1, 3 },
        { "\xF5\x80\x80\x80", 0, 0 },
        { "\xE2\x82(", 2, 1 },
        { "\xF0\x9F\x98\xC3", 3, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_slice text = ls_slice_of(cases[i].text);
        for (size_t split = 0; split <= cases[i].sound; split++) {
            struct ls_utf8 u = { 0 };
            struct ls_slice rest = { text.at + split, cases[i].sound - split };
            CHECK(ls_chars_utf8_next(&u, (struct ls_slice) { text.at, split }));
            CHECK(ls_chars_utf8_next(&u, rest));
            CHECK_INT(u.more, cases[i].more);
            rest = ls_slice_from(text, cases[i].sound);
            CHECK(rest.len == 0 || !ls_chars_utf8_next(&u, (struct ls_slice) { rest.at, 1 }));
        }
    }
}

static const struct unit_test tests[] = {
    { "knows the class of each byte", knows_the_classes },
    { "reads hexadecimal digits", reads_hex_digits },
    { "finds the first byte of another class, reading no further", finds_the_first_other_byte },
    { "knows well-formed UTF-8, code point by code point", knows_well_formed_utf8 },
    { "refuses torn UTF-8", refuses_torn_utf8 },
    { "checks UTF-8 in pieces", checks_utf8_in_pieces },
};

UNIT_MAIN(tests)
