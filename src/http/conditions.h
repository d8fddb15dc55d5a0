/* Conditional requests (RFC 9110 13), in the order of 13.2.2. */
#ifndef LS_HTTP_CONDITIONS_H
#define LS_HTTP_CONDITIONS_H

#include "http/head.h"

struct ls_validators {
    struct ls_slice etag; /* with its quotes, without "W/" */
    bool weak;            /* it is a weak one */
    int64_t modified;     /* seconds since 1970 */
};

/* For a GET or HEAD of a representation that exists: 0 go on, 304 or 412. Invalid dates are
 * ignored, and the dates wherever an entity-tag list decides (13.1.3, 13.1.4). */
int ls_conditions_check(const struct ls_head *h, const char *base,
                        const struct ls_validators *current, int64_t now);

/* Does If-Range let a Range field hold (13.1.5)? True without the field, for the same entity-tag
 * where both are strong, and for exactly the date of the last change. */
bool ls_conditions_range(const struct ls_head *h, const char *base,
                         const struct ls_validators *current, int64_t now);

#endif
