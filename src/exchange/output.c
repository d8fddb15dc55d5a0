#include "exchange/output.h"

#include "os/sys.h"

void ls_output_init(struct ls_output *out)
{
    *out = (struct ls_output) { .file = -1 };
}

bool ls_output_pending(const struct ls_output *out)
{
    return out->sent < out->bytes.len || out->file >= 0;
}

uint64_t ls_output_left(const struct ls_output *out)
{
    return out->bytes.len - out->sent + out->file_left;
}

void ls_output_sent(struct ls_output *out, size_t bytes)
{
    out->sent += bytes;
    if (out->sent < out->bytes.len)
        return;
    out->sent = 0;
    ls_buffer_clear(&out->bytes);
}

static void close_file(struct ls_output *out)
{
    if (out->file >= 0)
        ls_sys_close(out->file);
    out->file = -1;
    out->file_left = 0;
}

void ls_output_file(struct ls_output *out, int fd, uint64_t len)
{
    out->file = fd;
    out->file_at = 0;
    out->file_left = len;
    if (len == 0)
        close_file(out);
}

void ls_output_file_sent(struct ls_output *out, uint64_t len)
{
    out->file_left -= len;
    if (out->file_left == 0)
        close_file(out);
}

void ls_output_free(struct ls_output *out)
{
    close_file(out);
    ls_buffer_free(&out->bytes);
}
