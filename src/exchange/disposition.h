/* Content-Disposition of a download (RFC 6266). */
#ifndef LS_EXCHANGE_DISPOSITION_H
#define LS_EXCHANGE_DISPOSITION_H

#include "base/buffer.h"

/* Appends the value: attachment, under this name. One that is not plain ASCII stands there twice, for
 * those who do not know filename* (RFC 8187): there with "_" for what cannot be said. Folders before
 * the name are left out. */
void ls_disposition_attachment(struct ls_slice name, struct ls_buffer *out);

#endif
