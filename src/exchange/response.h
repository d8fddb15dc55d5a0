/* A response in the making: status, fields that were checked when they were set, and how its
 * content is framed. Nothing that a handler gives can end a line of the head. */
#ifndef LS_EXCHANGE_RESPONSE_H
#define LS_EXCHANGE_RESPONSE_H

#include "base/buffer.h"

struct ls_response {
    struct ls_buffer fields; /* complete lines */
    struct ls_buffer type;   /* value of Content-Type; empty: none was set */
};

struct ls_framing { /* what the head says beside the fields */
    int status;
    bool has_length, chunked;
    uint64_t length;
    bool close;          /* say Connection: close */
    const char *upgrade; /* 101, 426: to this protocol; NULL */
    bool keep_alive;     /* say Connection: keep-alive (to a 1.0 client that asked for it) */
    struct ls_slice date;
    struct ls_slice id;
};

/* 0; -EINVAL: the name is no token, or the value holds CR, LF, NUL or another control byte;
 * -EPERM: the server sets this field itself (Content-Length, Transfer-Encoding, Connection,
 * Date, …). Content-Type replaces an earlier one, other names add a line. */
int ls_response_field(struct ls_response *r, struct ls_slice name, struct ls_slice value);
int ls_response_check(struct ls_slice name, struct ls_slice value);      /* what that would say */
bool ls_response_has(const struct ls_response *r, struct ls_slice name); /* was it set? Any case */
void ls_response_head(const struct ls_response *r, const struct ls_framing *f,
                      struct ls_buffer *out);
void ls_response_reset(struct ls_response *r);
void ls_response_free(struct ls_response *r);

/* The standard page of a status: a short HTML document; `detail` (may be NULL) is shown escaped,
 * as preformatted text, and `id` (may be empty) as the number of an incident. */
void ls_response_page(int status, struct ls_slice id, const char *detail, struct ls_buffer *out);

/* & < > " ' as character references, for text and for quoted attributes. */
void ls_escape_html(struct ls_slice text, struct ls_buffer *out);

#endif
