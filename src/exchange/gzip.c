#include "exchange/gzip.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "os/sys.h"

enum {
    LEVEL = 6, /* zlib's own default */
    GZIP_WINDOW = 15 + 16 /* the largest window, and gzip's header instead of zlib's */,
    MEMORY = 8,      /* zlib's own default: 256 KiB in all */
    BLOCK = 32 << 10 /* bytes read, and bytes written, at a time */
};

struct ls_gzip {
    void *library;
    int (*init)(z_stream *, int level, int method, int window, int memory, int strategy,
                const char *version, int stream_size);
    int (*deflate)(z_stream *, int flush);
    int (*end)(z_stream *);
};

struct ls_packing {
    const struct ls_gzip *gzip;
    int fd;
    uint64_t left; /* bytes of the file that have not been read */
    bool over;
    z_stream stream;
    unsigned char in[BLOCK], out[BLOCK];
};

struct ls_gzip *ls_gzip_load(void)
{
    struct ls_gzip *z = calloc(1, sizeof *z);
    if (!z)
        return NULL;
    z->library = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
    if (z->library) {
        *(void **)&z->init = dlsym(z->library, "deflateInit2_");
        *(void **)&z->deflate = dlsym(z->library, "deflate");
        *(void **)&z->end = dlsym(z->library, "deflateEnd");
    }
    if (!z->init || !z->deflate || !z->end)
        ls_gzip_unload(&z);
    return z;
}

void ls_gzip_unload(struct ls_gzip **gzip)
{
    if (*gzip && (*gzip)->library)
        dlclose((*gzip)->library);
    free(*gzip);
    *gzip = NULL;
}

struct ls_packing *ls_packing_begin(const struct ls_gzip *gzip, int fd, uint64_t size)
{
    struct ls_packing *p = malloc(sizeof *p);
    if (!p)
        return NULL;
    p->gzip = gzip;
    p->fd = fd;
    p->left = size;
    p->over = false;
    p->stream = (z_stream) { .next_in = NULL };
    if (gzip->init(&p->stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY,
                   ZLIB_VERSION, sizeof p->stream) == Z_OK)
        return p;
    free(p);
    return NULL;
}

static int fill(struct ls_packing *p)
{
    long got;
    size_t len = p->left < BLOCK ? (size_t)p->left : BLOCK;
    do
        got = ls_sys_read(p->fd, p->in, len);
    while (got == -EINTR);
    if (got <= 0)
        return -EIO;
    p->left -= (uint64_t)got;
    p->stream.next_in = p->in;
    p->stream.avail_in = (unsigned)got;
    return 0;
}

int ls_packing_next(struct ls_packing *p, struct ls_slice *block)
{
    p->stream.next_out = p->out;
    p->stream.avail_out = BLOCK;
    while (p->stream.avail_out > 0 && !p->over) {
        if (p->stream.avail_in == 0 && p->left > 0 && fill(p) < 0)
            return -EIO;
        int result = p->gzip->deflate(&p->stream, p->left > 0 ? Z_NO_FLUSH : Z_FINISH);
        if (result != Z_OK && result != Z_STREAM_END)
            return -EIO;
        p->over = result == Z_STREAM_END;
    }
    *block = (struct ls_slice) { (char *)p->out, BLOCK - p->stream.avail_out };
    return 0;
}

void ls_packing_free(struct ls_packing **p)
{
    if (!*p)
        return;
    (*p)->gzip->end(&(*p)->stream);
    ls_sys_close((*p)->fd);
    free(*p);
    *p = NULL;
}
