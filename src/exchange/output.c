#include "exchange/output.h"

#include <assert.h>

#include "os/sys.h"

void ls_output_init(struct ls_output *out)
{
    *out = (struct ls_output) { .file = -1 };
}

bool ls_output_pending(const struct ls_output *out)
{
    return out->sent < out->bytes.len || out->first < out->count;
}

uint64_t ls_output_left(const struct ls_output *out)
{
    uint64_t left = out->bytes.len - out->sent;
    for (uint32_t i = out->first; i < out->count; i++)
        left += out->stretches[i].left;
    return left;
}

struct ls_slice ls_output_ahead(const struct ls_output *out)
{
    size_t end = out->first < out->count ? out->stretches[out->first].after : out->bytes.len;
    return (struct ls_slice) { out->bytes.at + out->sent, end - out->sent };
}

/* All is sent: the memory is used again. */
static void begin_again(struct ls_output *out)
{
    if (ls_output_pending(out))
        return;
    out->sent = 0;
    ls_buffer_clear(&out->bytes);
}

void ls_output_sent(struct ls_output *out, size_t bytes)
{
    out->sent += bytes;
    out->gone += bytes;
    begin_again(out);
}

struct ls_stretch *ls_output_stretch(struct ls_output *out)
{
    return out->first < out->count ? &out->stretches[out->first] : NULL;
}

static void close_file(struct ls_output *out)
{
    if (out->file >= 0)
        ls_sys_close(out->file);
    out->file = -1;
    out->first = out->count = 0;
}

void ls_output_file_sent(struct ls_output *out, uint64_t len)
{
    struct ls_stretch *stretch = &out->stretches[out->first];
    stretch->left -= len;
    out->gone += len;
    if (stretch->left == 0 && ++out->first == out->count)
        close_file(out);
    begin_again(out);
}

void ls_output_file(struct ls_output *out, int fd)
{
    assert(out->file < 0);
    out->file = fd;
}

void ls_output_add_stretch(struct ls_output *out, uint64_t at, uint64_t len)
{
    assert(out->count < LS_RANGES && len > 0);
    out->stretches[out->count++] = (struct ls_stretch) { out->bytes.len, (int64_t)at, len };
}

void ls_output_cut(struct ls_output *out, size_t len)
{
    close_file(out);
    out->bytes.failed = false;
    out->bytes.len = len;
    out->sent = out->sent < len ? out->sent : len;
}

void ls_output_free(struct ls_output *out)
{
    close_file(out);
    ls_buffer_free(&out->bytes);
}
