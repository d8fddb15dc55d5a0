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

static long send_bytes(int fd, struct ls_output *out, struct ls_slice ahead)
{
    size_t len = ahead.len < STEP ? ahead.len : STEP;
    long sent = ls_output_stretch(out)
                    ? ls_sys_sendto(fd, ahead.at, len, MSG_MORE | MSG_NOSIGNAL, NULL, 0)
                    : ls_sys_write(fd, ahead.at, len);
    if (sent > 0)
        ls_output_sent(out, (size_t)sent);
    return sent;
}

static long send_file(int fd, struct ls_output *out, struct ls_stretch *stretch)
{
    size_t len = stretch->left < STEP ? (size_t)stretch->left : STEP;
    long sent = ls_sys_sendfile(fd, out->file, &stretch->at, len);
    if (sent == 0)
        return -EIO;
    if (sent > 0)
        ls_output_file_sent(out, (uint64_t)sent);
    return sent;
}

long ls_transfer_out(int fd, struct ls_engine *e)
{
    struct ls_slice ahead = ls_output_ahead(&e->out);
    if (ahead.len > 0)
        return send_bytes(fd, &e->out, ahead);
    return send_file(fd, &e->out, ls_output_stretch(&e->out));
}
