#include "server/transfer.h"

#include <errno.h>

#include "os/sys.h"

enum { FILE_STEP = 1 << 20 }; /* bytes a sendfile, so that a slow client's progress shows */

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

static long send_bytes(int fd, struct ls_output *out)
{
    const char *at = out->bytes.at + out->sent;
    size_t len = out->bytes.len - out->sent;
    long sent = out->file < 0 ? ls_sys_write(fd, at, len)
                              : ls_sys_sendto(fd, at, len, MSG_MORE | MSG_NOSIGNAL, NULL, 0);
    if (sent > 0)
        ls_output_sent(out, (size_t)sent);
    return sent;
}

static long send_file(int fd, struct ls_output *out)
{
    size_t len = out->file_left < FILE_STEP ? (size_t)out->file_left : FILE_STEP;
    long sent = ls_sys_sendfile(fd, out->file, &out->file_at, len);
    if (sent == 0)
        return -EIO;
    if (sent > 0)
        ls_output_file_sent(out, (uint64_t)sent);
    return sent;
}

long ls_transfer_out(int fd, struct ls_engine *e)
{
    if (e->out.sent < e->out.bytes.len)
        return send_bytes(fd, &e->out);
    return send_file(fd, &e->out);
}
