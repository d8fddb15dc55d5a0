/* The body of a request, as its framing says (RFC 9112 6): decoded from the input. */
#ifndef LS_EXCHANGE_BODY_H
#define LS_EXCHANGE_BODY_H

#include "exchange/input.h"
#include "http/chunked.h"
#include "http/head.h"

struct ls_body {
    bool chunked, done;
    uint64_t left;  /* with Content-Length: bytes still to come */
    uint64_t taken; /* bytes of content so far */
    struct ls_chunked chunks;
};

void ls_body_begin(struct ls_body *b, const struct ls_head *h);

/* Takes the next run of content from the input (a part of it, good until the input changes).
 * 1: `content` has at least one byte; 0: the body is over (done), or more input is needed;
 * -400: bad framing. */
int ls_body_take(struct ls_body *b, struct ls_input *in, struct ls_slice *content);

/* Will the body have more than `most` bytes, as far as is known now? */
bool ls_body_exceeds(const struct ls_body *b, uint64_t most);

#endif
