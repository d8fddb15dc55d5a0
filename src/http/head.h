/* The head of a request: request line and header section (RFC 9112 2–6, RFC 9110 5, 7.2).
 *
 * Strict: where the RFC lets a recipient be lenient (bare LF, obs-fold, space before the colon,
 * field names that are no token, control bytes in values), the request is refused. A few
 * leading empty lines are skipped (RFC 9112 2.2).
 * Incremental: every byte is looked at once, whatever the pieces it comes in, and refused as soon
 * as it is wrong; fed byte by byte it gives the same verdict as at once. Of the target
 * only the bytes are judged (LS_CHAR_TARGET); its form is for ls_target_parse.
 *
 * Positions are offsets into the caller's buffer, which may move between calls. */
#ifndef LS_HTTP_HEAD_H
#define LS_HTTP_HEAD_H

#include "http/method.h"

struct ls_span {
    uint32_t at, len;
};

struct ls_field {
    struct ls_span name, value; /* value without the blanks around it */
};

struct ls_head_limits {
    uint32_t line;    /* bytes of the request line without CR LF; 16 … 1 MiB; over it: 414 */
    uint32_t headers; /* bytes of the header section, the empty line too; over it: 431 */
    uint32_t count;   /* fields; over it: 431. `fields` below has room for as many */
};

struct ls_head {
    struct ls_field *fields; /* the caller's array */
    uint32_t count;
    struct ls_span method_token, target;
    enum ls_method method;
    uint8_t minor;           /* HTTP/1.minor; 1 for any higher */
    bool keep_alive;         /* the connection may persist after this exchange (RFC 9112 9.3) */
    bool chunked;            /* the body is chunked; else it has content_length bytes */
    bool has_content_length; /* Content-Length was there */
    bool expect_continue;    /* Expect: 100-continue from a 1.1 client */
    uint64_t content_length; /* 0 without a body */
    struct ls_span host;     /* of the Host field; empty if there was none */

    /* private: how far the parser has come */
    uint32_t line_start, seen, section_start;
    uint8_t state, host_count, connection_close, connection_keep_alive, te_count, te_bad;
};

/* Ready for the next request; keeps `fields`. */
void ls_head_reset(struct ls_head *h);

/* `bytes` is what has come of this request so far, from its first byte; `len` only ever grows.
 * > 0: the head is complete and this many bytes long (a body may follow).
 *   0: more is needed.
 * < 0: -status; refuse with it and close the connection: 400 bad syntax, Host or framing, 414
 *      request line, 431 header section, 417 Expect, 501 transfer coding (and CONNECT, and
 *      methods are the caller's to judge), 505 version.
 * After a negative result only method, minor and target are of use, and only if non-empty. */
int32_t ls_head_parse(struct ls_head *h, const struct ls_head_limits *limits, const char *bytes,
                      size_t len);

static inline struct ls_slice ls_span_slice(const char *base, struct ls_span span)
{
    return (struct ls_slice) { base + span.at, span.len };
}

/* Index of the first field called `name` (any case) at or after `start`; count if none. */
uint32_t ls_head_find(const struct ls_head *h, const char *base, uint32_t start,
                      struct ls_slice name);

/* The value of the first field of that name; at == NULL if there is none. */
struct ls_slice ls_head_value(const struct ls_head *h, const char *base, struct ls_slice name);

#endif
