/* Bytes that somebody else owns. A slice never carries a terminating NUL of its own. */
#ifndef LS_BASE_SLICE_H
#define LS_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ls_slice {
    const char *at;
    size_t len;
};

#define LS_SLICE(literal) ((struct ls_slice) { "" literal, sizeof(literal) - 1 })

/* Up to its NUL; NULL gives the empty slice. Inline, so that the length of a literal is a constant. */
static inline struct ls_slice ls_slice_of(const char *text)
{
    return (struct ls_slice) { text, text ? strlen(text) : 0 };
}

bool ls_slice_equal(struct ls_slice a, struct ls_slice b);
bool ls_slice_equal_nocase(struct ls_slice a, struct ls_slice b); /* ASCII letters only */
bool ls_slice_starts(struct ls_slice text, struct ls_slice prefix);
bool ls_slice_ends(struct ls_slice text, struct ls_slice suffix);
struct ls_slice ls_slice_from(struct ls_slice text, size_t start); /* start <= text.len */
struct ls_slice ls_slice_trim(struct ls_slice text);               /* SP and HTAB off both ends */

/* Position of the first `byte` at or after `start`; text.len if there is none. */
size_t ls_slice_find(struct ls_slice text, size_t start, char byte);

/* Decimal digits and nothing else. 0, -EINVAL (empty, or another byte) or -ERANGE (over 2^64-1). */
int ls_slice_to_u64(struct ls_slice digits, uint64_t *value);

#endif
