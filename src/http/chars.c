#include "http/chars.h"

#include <emmintrin.h>

enum { TOKEN = 1, TARGET = 2 };

#define T TOKEN
#define U TARGET
#define B (TOKEN | TARGET)
static const unsigned char classes[256] = {
    ['!'] = B, ['#'] = T, ['$'] = B, ['%'] = B, ['&'] = B, ['\''] = B, ['('] = U, [')'] = U,
    ['*'] = B, ['+'] = B, [','] = U, ['-'] = B, ['.'] = B, ['/'] = U,  ['0'] = B, ['1'] = B,
    ['2'] = B, ['3'] = B, ['4'] = B, ['5'] = B, ['6'] = B, ['7'] = B,  ['8'] = B, ['9'] = B,
    [':'] = U, [';'] = U, ['='] = U, ['?'] = U, ['@'] = U, ['A'] = B,  ['B'] = B, ['C'] = B,
    ['D'] = B, ['E'] = B, ['F'] = B, ['G'] = B, ['H'] = B, ['I'] = B,  ['J'] = B, ['K'] = B,
    ['L'] = B, ['M'] = B, ['N'] = B, ['O'] = B, ['P'] = B, ['Q'] = B,  ['R'] = B, ['S'] = B,
    ['T'] = B, ['U'] = B, ['V'] = B, ['W'] = B, ['X'] = B, ['Y'] = B,  ['Z'] = B, ['['] = U,
    [']'] = U, ['^'] = B, ['_'] = B, ['`'] = B, ['a'] = B, ['b'] = B,  ['c'] = B, ['d'] = B,
    ['e'] = B, ['f'] = B, ['g'] = B, ['h'] = B, ['i'] = B, ['j'] = B,  ['k'] = B, ['l'] = B,
    ['m'] = B, ['n'] = B, ['o'] = B, ['p'] = B, ['q'] = B, ['r'] = B,  ['s'] = B, ['t'] = B,
    ['u'] = B, ['v'] = B, ['w'] = B, ['x'] = B, ['y'] = B, ['z'] = B,  ['{'] = U, ['|'] = B,
    ['}'] = U, ['~'] = B,
};
#undef T
#undef U
#undef B

bool ls_char_token(unsigned char byte)
{
    return classes[byte] & TOKEN;
}

bool ls_char_target(unsigned char byte)
{
    return classes[byte] & TARGET;
}

int ls_char_hex(unsigned char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool value_byte(unsigned char byte)
{
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

size_t ls_chars_value(struct ls_slice text)
{
    const __m128i low = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
    size_t at = 0;
    for (; text.len - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(text.at + at));
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, low), block);
        __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(block, tab), control),
                                   _mm_cmpeq_epi8(block, del));
        int mask = _mm_movemask_epi8(bad);
        if (mask != 0)
            return at + (size_t)__builtin_ctz((unsigned)mask);
    }
    while (at < text.len && value_byte((unsigned char)text.at[at]))
        at++;
    return at;
}

/* Bytes of the well-formed sequence at the front of `at` (RFC 3629 4); 0: there is none. */
static size_t utf8_sequence(const unsigned char *at, size_t len)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t need;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    need = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] == 0xe0)
        low = 0xa0;
    else if (at[0] == 0xed)
        high = 0x9f;
    else if (at[0] == 0xf0)
        low = 0x90;
    else if (at[0] == 0xf4)
        high = 0x8f;
    if (len < need || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return need;
}

bool ls_chars_utf8(struct ls_slice text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    for (size_t i = 0, step; i < text.len; i += step) {
        step = utf8_sequence(at + i, text.len - i);
        if (step == 0)
            return false;
    }
    return true;
}
