/* The chunked transfer coding, decoding (RFC 9112 7.1). Strict: CR LF only, no blanks around a
 * size but where an extension follows, extensions and trailers parsed, bounded and dropped. */
#ifndef LS_HTTP_CHUNKED_H
#define LS_HTTP_CHUNKED_H

#include "base/slice.h"

enum {
    LS_CHUNKED_LINE = 1024,     /* bytes of a chunk-size line with its extensions */
    LS_CHUNKED_TRAILERS = 8192, /* bytes of the whole trailer section */
    LS_CHUNKED_EXCESS = 16384   /* bytes of size lines beyond what sensible chunks would need */
};

struct ls_chunked {  /* all zero to begin */
    uint64_t left;   /* bytes of this chunk still to come */
    uint32_t count;  /* bytes of the line or section at hand */
    uint32_t excess; /* of the size lines so far; see LS_CHUNKED_EXCESS */
    uint8_t state;
    bool done; /* last chunk and trailers are through */
};

/* Takes bytes from the front of `in` until one run of content has been found, `in` is used up or
 * the body ends. `content` is a part of `in`, perhaps empty.
 * The number of bytes taken (>= 0), or -400, and -400 again whatever follows. Feeding an ended body
 * is a fault of the caller's. */
int64_t ls_chunked_feed(struct ls_chunked *c, struct ls_slice in, struct ls_slice *content);

#endif
