/* A whole answer that the server gives of itself, with no engine behind it: the standard page of a
 * status, with an id, and Connection: close. */
#ifndef LS_SERVER_NOTICE_H
#define LS_SERVER_NOTICE_H

#include "base/buffer.h"

/* `id`: 16 characters. A 503 has Retry-After. Check out->failed. */
void ls_notice_build(struct ls_buffer *out, int status, const char *id, bool head_only);

/* The bytes of its head, with the empty line. */
size_t ls_notice_head(const struct ls_buffer *out);

/* One try that never waits, whatever the socket's O_NONBLOCK says: that belongs to a description that
 * others may share. How many bytes of body went; -errno: not all of it. */
int64_t ls_notice_send(int fd, int status, const char *id, bool head_only);

#endif
