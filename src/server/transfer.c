#include "server/transfer.h"

#include <errno.h>

#include "os/sys.h"

enum { STEP = 256 << 10 }; /* bytes at a time, so that a slow client's progress shows */

long ls_transfer_in(int fd, struct ls_engine *e)
{
    struct ls_slice room = ls_engine_room(e);
    if (room.len == 0)
        return -ENOMEM;
    long got = ls_sys_read(fd, (char *)room.at, room.len);
    if (got >= 0)
        ls_engine_received(e, (size_t)got);
    return got;
}

static size_t at_one_go(uint64_t len)
{
    return len < STEP ? (size_t)len : STEP;
}

/* Should we die in the middle of it: what the kernel has begun it ends. */
static void announce(struct ls_engine *e, size_t len)
{
    if (e->account)
        atomic_store_explicit(&e->account->going, e->out.gone + len, memory_order_relaxed);
}

static long send_bytes(int fd, struct ls_engine *e, struct ls_slice ahead)
{
    size_t len = at_one_go(ahead.len);
    announce(e, len);
    long sent = ls_output_stretch(&e->out)
                    ? ls_sys_sendto(fd, ahead.at, len, MSG_MORE | MSG_NOSIGNAL, NULL, 0)
                    : ls_sys_write(fd, ahead.at, len);
    if (sent > 0)
        ls_output_sent(&e->out, (size_t)sent);
    return sent;
}

static long send_file(int fd, struct ls_engine *e, struct ls_stretch *stretch)
{
    size_t len = at_one_go(stretch->left);
    announce(e, len);
    long sent = ls_sys_sendfile(fd, e->out.file, &stretch->at, len);
    if (sent > 0)
        ls_output_file_sent(&e->out, (uint64_t)sent);
    return sent == 0 ? -EIO : sent;
}

long ls_transfer_out(int fd, struct ls_engine *e)
{
    struct ls_slice ahead = ls_output_ahead(&e->out);
    long sent =
        ahead.len > 0 ? send_bytes(fd, e, ahead) : send_file(fd, e, ls_output_stretch(&e->out));
    announce(e, 0);
    return sent;
}
