/* Media types by file name. */
#ifndef LS_HTTP_MIME_H
#define LS_HTTP_MIME_H

#include "base/slice.h"

struct ls_mime_type {
    const char *extension; /* lower case, without the point */
    const char *name;      /* "model/gltf-binary" */
};

struct ls_mime_map { /* what somebody knows beside our table, or knows better */
    const struct ls_mime_type *at;
    size_t count;
};

enum { LS_MIME_EXTENSION = 12 }; /* longer extensions are not looked at; with their NUL */

/* By the last extension (any case): what `more` says, else what we know, text types with
 * "; charset=utf-8"; else "application/octet-stream". */
struct ls_slice ls_mime_of(const struct ls_mime_map *more, struct ls_slice file_name);

/* Is a representation of that type worth compressing, as text and its like are? */
bool ls_mime_compressible(struct ls_slice type);

#endif
