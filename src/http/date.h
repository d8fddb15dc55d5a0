/* HTTP-date (RFC 9110 5.6.7). */
#ifndef LS_HTTP_DATE_H
#define LS_HTTP_DATE_H

#include "base/slice.h"

enum { LS_DATE_LEN = 29, LS_DATE_ISO_LEN = 20 };

void ls_date_format(int64_t seconds, char out[LS_DATE_LEN]); /* IMF-fixdate; years 0–9999 */

/* "2026-11-23T06:28:58Z" (RFC 3339), of the same years. */
void ls_date_format_iso(int64_t seconds, char out[LS_DATE_ISO_LEN]);

/* All three forms; a two-digit year more than 50 years after `now` is of the century before.
 * 0 or -EINVAL. */
int ls_date_parse(struct ls_slice text, int64_t now, int64_t *seconds);

#endif
