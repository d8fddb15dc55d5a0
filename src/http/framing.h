/* What the fields of a head decide: Host, the body's framing, the connection, Expect. */
#ifndef LS_HTTP_FRAMING_H
#define LS_HTTP_FRAMING_H

#include "http/head.h"

/* Looks at one field as it comes. 0 or -status. */
int ls_framing_field(struct ls_head *h, const char *base, const struct ls_field *field);

/* When the head is complete. 0 or -status. */
int ls_framing_decide(struct ls_head *h, const char *base);

#endif
