/* What the log says of a request in which something has gone wrong. */
#ifndef LS_EXCHANGE_CAPSULE_H
#define LS_EXCHANGE_CAPSULE_H

#include "base/buffer.h"

/* The head as it came, a line each, with a line feed before each. Of fields that let somebody in
 * (Authorization, Cookie, …) the value is left out. */
void ls_capsule_head(struct ls_buffer *out, struct ls_slice head);

#endif
