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

/* Bytes of the sequence that `lead` begins; 0: it begins none. The second byte lies in
 * [*low, *high]: that is where overlong forms, surrogates and what is over U+10FFFF drop out
 * (Unicode, table 3-7). */
static size_t sequence(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* Bytes of the well-formed sequence at the front of `len` >= 1 bytes; 0 if there is none. */
static size_t utf8_step(const unsigned char *at, size_t len)
{
    unsigned char low, high;
    if (at[0] < 0x80)
        return 1;
    size_t size = sequence(at[0], &low, &high);
    if (size == 0 || size > len || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return size;
}

bool ls_chars_utf8(struct ls_slice text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t i = 0;
    while (i < text.len) {
        if (text.len - i >= STEP && _mm_movemask_epi8(load(text.at + i)) == 0) {
            i += STEP;
            continue;
        }
        size_t size = utf8_step(at + i, text.len - i);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}
