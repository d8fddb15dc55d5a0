/* Range requests for bytes (RFC 9110 14). */
#ifndef LS_HTTP_RANGE_H
#define LS_HTTP_RANGE_H

#include "base/slice.h"

enum { LS_RANGES = 16 }; /* parts that one answer has at most */

struct ls_range {
    uint64_t first, len; /* len > 0 */
};

struct ls_ranges {
    struct ls_range at[LS_RANGES];
    uint32_t count;
};

/* What the value of a Range field asks of a representation of `length` bytes.
 * 206: count is 1 or more, in the order asked for; ranges that overlap or touch are one, so that
 *      together they never have more bytes than the whole.
 * 416: none of what it names is there.
 * 0: to be ignored (RFC 9110 14.2): another unit, not a ranges-specifier, more than LS_RANGES
 *    parts, or the last bytes of nothing. */
int ls_ranges_read(struct ls_slice value, uint64_t length, struct ls_ranges *ranges);

#endif
