/* multipart/form-data (RFC 7578, RFC 2046 5.1), taken apart as it comes.
 *
 * Strict: CR LF alone ends a line; nothing stands before the first boundary; every part says
 * Content-Disposition: form-data with one name, in UTF-8 and without control bytes; a transfer encoding
 * other than 7bit, 8bit, binary is refused. What stands behind the last boundary is passed over.
 * Fed in any pieces it gives the same parts with the same content. */
#ifndef LS_HTTP_MULTIPART_H
#define LS_HTTP_MULTIPART_H

#include "base/slice.h"

enum {
    LS_MULTIPART_BOUNDARY = 70,  /* bytes of one at most (RFC 2046 5.1.1) */
    LS_MULTIPART_HEAD = 8 << 10, /* bytes of a part's header section at most */
    LS_MULTIPART_NAME = 1 << 10  /* bytes of a part's name, and of a file's, at most */
};

enum ls_multipart_event {
    LS_MULTIPART_MORE,     /* more is needed: what was not consumed, and what comes */
    LS_MULTIPART_PART,     /* a part begins: `part` says what it is */
    LS_MULTIPART_CONTENT,  /* a run of its content */
    LS_MULTIPART_PART_END, /* it is over */
    LS_MULTIPART_END       /* so is the whole; what follows is given as consumed */
};

/* Slices into the input that was fed last. Of name and filename the quotes are off, and what browsers
 * escape is still escaped: see ls_multipart_unescape. */
struct ls_multipart_part {
    struct ls_slice name, filename, type; /* type: Content-Type; empty: not said */
    bool is_file;                         /* it has a filename, though that may be empty */
};

struct ls_multipart {
    char delimiter[LS_MULTIPART_BOUNDARY + 4]; /* CR LF - - boundary */
    size_t len;
    enum {
        LS_MULTIPART_AT_START,
        LS_MULTIPART_AT_HEAD,
        LS_MULTIPART_AT_CONTENT,
        LS_MULTIPART_AT_DELIMITER,
        LS_MULTIPART_AT_END
    } at;
};

/* From the value of Content-Type. 0; -415: another media type; -400: no boundary, or none that can be. */
int ls_multipart_init(struct ls_multipart *m, struct ls_slice content_type);

/* Takes the front of `in`: how many bytes are consumed with this event, whose run of content is *out or
 * whose description *part. `in` may have any length, but needs to be able to hold LS_MULTIPART_HEAD
 * bytes. < 0: -400 malformed, -431 a header section or a name over its limit. */
int64_t ls_multipart_feed(struct ls_multipart *m, struct ls_slice in,
                          enum ls_multipart_event *event, struct ls_slice *out,
                          struct ls_multipart_part *part);

/* Decodes %22, %0D and %0A, and backslashes before quotes and backslashes, into `out`, of at least
 * text.len bytes; its length. */
size_t ls_multipart_unescape(struct ls_slice text, char *out);

/* What stands behind the last "/" or "\" of a file's name (RFC 7578 4.2); empty for "." and "..". */
struct ls_slice ls_multipart_basename(struct ls_slice filename);

#endif
