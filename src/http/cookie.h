/* Cookies (RFC 6265): what Cookie says, and what Set-Cookie may say. */
#ifndef LS_HTTP_COOKIE_H
#define LS_HTTP_COOKIE_H

#include "base/buffer.h"

/* Takes the next pair off the front of a Cookie field's value; false at its end. What is no pair (no
 * "=", a name that is no token, control bytes) is passed over: it may be of another server of that
 * host. Blanks around, and quotes around a value, are taken away. */
bool ls_cookie_next(struct ls_slice *rest, struct ls_slice *name, struct ls_slice *value);

/* Appends the value so that every byte may stand in it: what is no cookie-octet (4.1.1), and "%",
 * becomes %XX. */
void ls_cookie_encode(struct ls_slice value, struct ls_buffer *out);

/* The reverse, into `out` of at least value.len bytes: the length, or -400 when a "%" begins no
 * escape; then the value is as somebody else has set it. */
int64_t ls_cookie_decode(struct ls_slice value, char *out);

/* May this stand behind "Path=" or "Domain="? No control bytes, no ";", not empty. */
bool ls_cookie_attribute(struct ls_slice value);

#endif
