#include "exchange/wire.h"

#include <errno.h>
#include <sys/socket.h>

#include "os/sys.h"

enum { FIRST_ROOM = 4 << 10, MOST_ROOM = 256 << 10 }; /* bytes */

void ls_wire_init(struct ls_wire *w, int fd, bool owned)
{
    *w = (struct ls_wire) { .fd = fd, .owned = owned, .room = FIRST_ROOM };
}

void ls_wire_close(struct ls_wire *w)
{
    if (w->owned && w->fd >= 0)
        ls_sys_close(w->fd);
    w->fd = -1;
    w->eof = true;
    w->used = 0;
    ls_buffer_free(&w->in);
}

void ls_wire_use(struct ls_wire *w, size_t len)
{
    w->used += len;
    if (w->used < w->in.len)
        return;
    w->used = 0;
    ls_buffer_clear(&w->in);
    ls_buffer_slim(&w->in, FIRST_ROOM);
}

long ls_wire_fill(struct ls_wire *w)
{
    long got;
    if (w->failed || w->eof || w->fd < 0)
        return w->failed;
    if (w->used > 0) {
        ls_buffer_drop(&w->in, w->used);
        w->used = 0;
    }
    if (ls_buffer_reserve(&w->in, w->room) < 0)
        return -ENOMEM;
    do
        got = ls_sys_recvfrom(w->fd, w->in.at + w->in.len, w->room, MSG_DONTWAIT, NULL, NULL);
    while (got == -EINTR);
    if (got > 0)
        w->in.len += (size_t)got;
    if (got == (long)w->room && w->room < MOST_ROOM)
        w->room *= 2;
    else if (got > 0 && got < FIRST_ROOM)
        w->room = FIRST_ROOM;
    w->eof |= got == 0;
    if (got < 0 && got != -EAGAIN)
        w->failed = (int)got;
    return got;
}

long ls_wire_send(struct ls_wire *w, struct ls_slice bytes)
{
    long sent;
    if (w->fd < 0)
        return -EPIPE;
    do
        sent = ls_sys_sendto(w->fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    while (sent == -EINTR);
    return sent;
}
