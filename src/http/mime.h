/* Media types by file name. */
#ifndef LS_HTTP_MIME_H
#define LS_HTTP_MIME_H

#include "base/slice.h"

/* By the last extension (any case), text types with "; charset=utf-8";
 * "application/octet-stream" when it has none that we know. */
struct ls_slice ls_mime_of(struct ls_slice file_name);

#endif
