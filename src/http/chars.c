#include "http/chars.h"

#include <emmintrin.h>
#include <string.h>

/* One bit a class, see enum ls_char_class; spec/unit/chars_test.c has it in words. */
const uint8_t ls_char_classes[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x28, 0x3f, 0x08, 0x39, 0x3f, 0x3b, 0x3f, 0x3f, 0x3e, 0x3e, 0x3f, 0x3f, 0x3e, 0x3f, 0x3f, 0x3a,
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3a, 0x3e, 0x38, 0x3e, 0x38, 0x3a,
    0x3a, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3a, 0x18, 0x3a, 0x3b, 0x3f,
    0x3b, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3a, 0x3b, 0x3a, 0x3f, 0x00,
    0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38,
    0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38,
    0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38,
    0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38,
    0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38,
    0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38,
    0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38,
    0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38, 0x38,
};

enum { STEP = 16, ALL = 0xFFFF }; /* bytes a vector holds; a mask that says yes of each */

static __m128i load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static __m128i same(__m128i bytes, char byte)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte));
}

/* Of unsigned bytes: those that are at most `most`. */
static __m128i at_most(__m128i bytes, char most)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(most)), bytes);
}

/* Letters and "-", which is what most field names are made of. */
static unsigned usual_token_mask(__m128i bytes)
{
    __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    __m128i letters = at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 'z' - 'a');
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(letters, same(bytes, '-')));
}

static unsigned value_mask(__m128i bytes)
{
    __m128i control = _mm_andnot_si128(same(bytes, '\t'), at_most(bytes, 0x1F));
    return ~(unsigned)_mm_movemask_epi8(_mm_or_si128(control, same(bytes, 0x7F))) & ALL;
}

static unsigned target_mask(__m128i bytes)
{
    __m128i visible = at_most(_mm_sub_epi8(bytes, _mm_set1_epi8(0x21)), 0x7E - 0x21);
    __m128i out = _mm_or_si128(same(bytes, '"'), same(bytes, '#'));
    out = _mm_or_si128(out, _mm_or_si128(same(bytes, '<'), same(bytes, '>')));
    out = _mm_or_si128(out, same(bytes, '\\'));
    return (unsigned)_mm_movemask_epi8(_mm_andnot_si128(out, visible));
}

static inline size_t first_other(unsigned mask)
{
    return (size_t)__builtin_ctz(~mask);
}

size_t ls_chars_token(struct ls_slice text)
{
    size_t i = 0;
    for (; text.len - i >= STEP; i += STEP) {
        unsigned mask = usual_token_mask(load(text.at + i));
        if (mask != ALL) {
            i += first_other(mask);
            break;
        }
    }
    while (i < text.len && ls_char_is(LS_CHAR_TOKEN, text.at[i]))
        i++;
    return i;
}

size_t ls_chars_value(struct ls_slice text)
{
    size_t i = 0;
    for (; text.len - i >= STEP; i += STEP) {
        unsigned mask = value_mask(load(text.at + i));
        if (mask != ALL)
            return i + first_other(mask);
    }
    while (i < text.len && ls_char_is(LS_CHAR_VALUE, text.at[i]))
        i++;
    return i;
}

size_t ls_chars_target(struct ls_slice text)
{
    size_t i = 0;
    for (; text.len - i >= STEP; i += STEP) {
        unsigned mask = target_mask(load(text.at + i));
        if (mask != ALL)
            return i + first_other(mask);
    }
    while (i < text.len && ls_char_is(LS_CHAR_TARGET, text.at[i]))
        i++;
    return i;
}

/* Bytes behind `lead` in the sequence that it begins; 0: it begins none. The second byte lies in
 * [*low, *high]: that is where overlong forms, surrogates and what is over U+10FFFF drop out
 * (Unicode, table 3-7). */
static uint8_t sequence(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 1;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 2;
    return lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
}

/* Where the first byte at or behind `i` stands that is not ASCII. */
static size_t skip_ascii(struct ls_slice text, size_t i)
{
    while (text.len - i >= STEP && _mm_movemask_epi8(load(text.at + i)) == 0)
        i += STEP;
    while (i < text.len && (unsigned char)text.at[i] < 0x80)
        i++;
    return i;
}

bool ls_chars_utf8_next(struct ls_utf8 *u, struct ls_slice text)
{
    struct ls_utf8 now = *u; /* in registers */
    for (size_t i = 0; i < text.len;) {
        unsigned char byte = (unsigned char)text.at[i++];
        if (now.more > 0) {
            if (byte < now.low || byte > now.high)
                return false;
            now = (struct ls_utf8) { (uint8_t)(now.more - 1), 0x80, 0xBF };
        } else if (byte >= 0x80) {
            now.more = sequence(byte, &now.low, &now.high);
            if (now.more == 0)
                return false;
        } else {
            i = skip_ascii(text, i);
        }
    }
    *u = now;
    return true;
}

bool ls_chars_utf8(struct ls_slice text)
{
    struct ls_utf8 u = { 0 };
    return ls_chars_utf8_next(&u, text) && u.more == 0;
}
