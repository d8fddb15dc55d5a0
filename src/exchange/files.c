#include "exchange/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "http/mime.h"
#include "os/sys.h"

enum { PATH_MOST = 4096, RACES = 8 };

struct path {
    char text[PATH_MOST];
    size_t len;
};

static bool add(struct path *p, struct ls_slice part)
{
    if (part.len >= sizeof p->text - p->len)
        return false;
    memcpy(p->text + p->len, part.at, part.len);
    p->len += part.len;
    p->text[p->len] = '\0';
    return true;
}

static bool hidden(struct ls_slice segment, uint32_t index)
{
    return segment.at[0] == '.' &&
           !(index == 0 && ls_slice_equal(segment, LS_SLICE(".well-known")));
}

/* False when the target can name no file. */
static bool path_of(const struct ls_target *target, const char *index, struct path *p)
{
    *p = (struct path) { .len = 0 };
    for (uint32_t i = 0; i < target->count; i++) {
        struct ls_slice segment = target->segments[i];
        if (segment.len == 0 || memchr(segment.at, '/', segment.len) || hidden(segment, i))
            return false;
        if ((i > 0 && !add(p, LS_SLICE("/"))) || !add(p, segment))
            return false;
    }
    if (!target->slash && target->count > 0)
        return true;
    return (target->count == 0 || add(p, LS_SLICE("/"))) && add(p, ls_slice_of(index));
}

static int status_of(int err)
{
    switch (err) {
    case -EACCES:
    case -EPERM:
        return -403;
    case -ENOENT:
    case -ENOTDIR:
    case -EXDEV: /* leads out of the root */
    case -ELOOP:
    case -ENAMETOOLONG:
    case -ENXIO: /* a socket, or a FIFO nobody writes to */
    case -ENODEV:
        return -404;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return -503;
    default:
        return -500;
    }
}

/* EAGAIN: something was renamed while the kernel walked the path beneath the root. */
static int open_path(int root, const char *path, uint64_t resolve)
{
    struct ls_open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                               .resolve = resolve };
    int fd = -EAGAIN;
    for (int i = 0; i < RACES && (fd == -EAGAIN || fd == -EINTR); i++)
        fd = ls_sys_openat2(root, path, &how, sizeof how);
    return fd;
}

static int describe(int fd, const char *path, struct ls_file *file)
{
    struct stat st;
    int err = ls_sys_fstat(fd, &st);
    if (err < 0)
        return status_of(err);
    if (S_ISDIR(st.st_mode))
        return -301;
    if (!S_ISREG(st.st_mode))
        return -404;
    const char *name = strrchr(path, '/');
    *file = (struct ls_file) { .fd = fd,
                               .size = (uint64_t)st.st_size,
                               .modified = st.st_mtim.tv_sec,
                               .type = ls_mime_of(ls_slice_of(name ? name + 1 : path)) };
    uint64_t stamp = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    snprintf(file->etag, sizeof file->etag, "\"%jx-%jx-%jx\"", (uintmax_t)st.st_size,
             (uintmax_t)stamp, (uintmax_t)st.st_ino);
    return 0;
}

static int open_file(int root, const char *path, uint64_t resolve, struct ls_file *file)
{
    int fd = open_path(root, path, resolve);
    if (fd < 0)
        return status_of(fd);
    int err = describe(fd, path, file);
    if (err < 0)
        ls_sys_close(fd);
    return err;
}

int ls_file_find(int root, const char *index, const struct ls_target *target, struct ls_file *file)
{
    struct path path;
    if (root < 0 || !path_of(target, index, &path))
        return -404;
    return open_file(root, path.text, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, file);
}

int ls_file_open(int root, const char *path, struct ls_file *file)
{
    if (path[0] == '/')
        return open_file(AT_FDCWD, path, 0, file);
    if (root < 0)
        return -404;
    return open_file(root, path, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, file);
}

int ls_file_read(const struct ls_file *file, char *out)
{
    size_t have = 0;
    while (have < file->size) {
        long got = ls_sys_read(file->fd, out + have, (size_t)file->size - have);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return -EIO;
        have += (size_t)got;
    }
    return 0;
}
