/* What a client would rather have: Accept and Accept-Encoding (RFC 9110 12.4, 12.5). */
#ifndef LS_HTTP_ACCEPT_H
#define LS_HTTP_ACCEPT_H

#include "http/head.h"

enum { LS_QUALITY_MOST = 1000 }; /* thousandths: q=1 */

/* The weight of a content coding, 0 (not acceptable) to 1000: its own, or else that of "*"; of
 * those that are not named 0, but for "identity", which is the least that is acceptable: 1. A
 * weight that cannot be read is 0. "x-gzip" is "gzip". */
unsigned ls_accept_coding(const struct ls_head *h, const char *base, struct ls_slice coding);

/* The same for a media type such as "text/html": that of the most specific range, of which
 * parameters other than q are ignored; 1000 without the field. */
unsigned ls_accept_type(const struct ls_head *h, const char *base, struct ls_slice type);

#endif
