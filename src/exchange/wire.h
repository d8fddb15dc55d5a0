/* A connected socket that is read and written at once, or not at all: what has come, and the errors. Who
 * waits for it, and how, is not its business. */
#ifndef LS_EXCHANGE_WIRE_H
#define LS_EXCHANGE_WIRE_H

#include "base/buffer.h"

struct ls_wire {
    int fd;              /* -1: closed */
    bool owned;          /* it is ours to close */
    bool eof;            /* the other side has said its last */
    int failed;          /* -errno: the connection broke; 0 */
    struct ls_buffer in; /* what has come; up to `used` it is used up */
    size_t used;
    size_t room; /* bytes that are read at once: more where more comes */
};

void ls_wire_init(struct ls_wire *w, int fd, bool owned);
void ls_wire_close(struct ls_wire *w); /* frees everything */

static inline struct ls_slice ls_wire_there(const struct ls_wire *w) /* not used yet */
{
    return (struct ls_slice) { w->in.at + w->used, w->in.len - w->used };
}

void ls_wire_use(struct ls_wire *w, size_t len);

/* Takes in what has come, a piece of it. > 0: so many; 0: the end of input, now or before;
 * -EAGAIN: nothing now; -errno: the connection broke, now or before. */
long ls_wire_fill(struct ls_wire *w);

/* Hands bytes to the kernel: how many; -EAGAIN: none now; -errno. */
long ls_wire_send(struct ls_wire *w, struct ls_slice bytes);

#endif
