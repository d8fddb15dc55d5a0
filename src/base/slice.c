#include "base/slice.h"

#include <errno.h>
#include <string.h>

bool ls_slice_equal(struct ls_slice a, struct ls_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static unsigned char lower(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

bool ls_slice_equal_nocase(struct ls_slice a, struct ls_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool ls_slice_starts(struct ls_slice text, struct ls_slice prefix)
{
    return text.len >= prefix.len &&
           ls_slice_equal((struct ls_slice) { text.at, prefix.len }, prefix);
}

bool ls_slice_ends(struct ls_slice text, struct ls_slice suffix)
{
    return text.len >= suffix.len &&
           ls_slice_equal(ls_slice_from(text, text.len - suffix.len), suffix);
}

struct ls_slice ls_slice_from(struct ls_slice text, size_t start)
{
    return (struct ls_slice) { start > 0 ? text.at + start : text.at, text.len - start };
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

struct ls_slice ls_slice_trim(struct ls_slice text)
{
    while (text.len > 0 && blank(text.at[0]))
        text = ls_slice_from(text, 1);
    while (text.len > 0 && blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

size_t ls_slice_find(struct ls_slice text, size_t start, char byte)
{
    if (start >= text.len)
        return text.len;
    const char *hit = memchr(text.at + start, byte, text.len - start);
    return hit ? (size_t)(hit - text.at) : text.len;
}

int ls_slice_to_u64(struct ls_slice digits, uint64_t *value)
{
    uint64_t sum = 0;
    if (digits.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned char)digits.at[i] - (unsigned)'0';
        if (digit > 9)
            return -EINVAL;
        if (sum > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return 0;
}
