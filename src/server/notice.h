/* A whole answer that the server gives of itself, with no engine behind it: the standard page of a
 * status, with an id, and Connection: close. */
#ifndef LS_SERVER_NOTICE_H
#define LS_SERVER_NOTICE_H

#include "base/buffer.h"

struct ls_notice {
    int status;         /* a 503 has Retry-After */
    const char *id;     /* 16 characters */
    const char *detail; /* text for whoever develops; NULL */
    bool head_only;
};

void ls_notice_build(struct ls_buffer *out, const struct ls_notice *n); /* check out->failed */

/* The bytes of its head, with the empty line. */
size_t ls_notice_head(const struct ls_buffer *out);

/* One try that never waits, whatever the socket's O_NONBLOCK says: that belongs to a description that
 * others may share. How many bytes of body went; -errno: not all of it. */
int64_t ls_notice_send(int fd, const struct ls_notice *n);

#endif
