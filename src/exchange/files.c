#include "exchange/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "exchange/shelf.h"
#include "http/accept.h"
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

/* False when the target can name neither file nor folder. */
static bool folder_path(const struct ls_target *target, struct path *p)
{
    *p = (struct path) { .len = 0 };
    for (uint32_t i = 0; i < target->count; i++) {
        struct ls_slice segment = target->segments[i];
        if (segment.len == 0 || memchr(segment.at, '/', segment.len) || hidden(segment, i))
            return false;
        if ((i > 0 && !add(p, LS_SLICE("/"))) || !add(p, segment))
            return false;
    }
    return true;
}

/* What a path that ends in "/" stands for: `name` in that folder. */
static bool path_in(const struct ls_target *target, const char *name, struct path *p)
{
    return folder_path(target, p) && (target->count == 0 || add(p, LS_SLICE("/"))) &&
           add(p, ls_slice_of(name));
}

static bool path_of(const struct ls_target *target, const char *index, struct path *p)
{
    if (!target->slash && target->count > 0)
        return folder_path(target, p);
    return path_in(target, index, p);
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

/* Where a path is looked up, and how far its links may lead. */
struct place {
    int root;
    uint64_t resolve;
};

static struct place beneath(const struct ls_www *www)
{
    return (struct place) { www->root, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
}

/* EAGAIN: something was renamed while the kernel walked the path beneath the root. */
static int open_path(struct place in, const char *path, uint64_t flags)
{
    struct ls_open_how how = { .flags = flags | O_CLOEXEC, .resolve = in.resolve };
    int fd = -EAGAIN;
    for (int i = 0; i < RACES && (fd == -EAGAIN || fd == -EINTR); i++)
        fd = ls_sys_openat2(in.root, path, &how, sizeof how);
    return fd;
}

static uint64_t stamp(const struct stat *st)
{
    return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

/* Opens a regular file. 0, or -status. */
static int open_regular(struct place in, const char *path, int *fd, struct stat *st)
{
    *fd = open_path(in, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0)
        return status_of(*fd);
    int err = ls_sys_fstat(*fd, st);
    if (err == 0 && S_ISREG(st->st_mode))
        return 0;
    ls_sys_close(*fd);
    *fd = -1;
    return err < 0 ? status_of(err) : S_ISDIR(st->st_mode) ? -301 : -404;
}

static char *put_hex(char *to, uint64_t value, char behind)
{
    int bits = value == 0 ? 4 : (64 - __builtin_clzll(value) + 3) & ~3;
    while ((bits -= 4) >= 0)
        *to++ = "0123456789abcdef"[value >> bits & 15];
    *to++ = behind;
    return to;
}

static void describe(struct ls_file *file, const struct stat *st)
{
    file->size = (uint64_t)st->st_size;
    file->modified = st->st_mtim.tv_sec;
    char *to = file->etag;
    *to++ = '"';
    to = put_hex(to, file->size, '-');
    to = put_hex(to, stamp(st), '-');
    to = put_hex(to, st->st_ino, '"');
    *to = '\0';
}

static struct ls_slice type_of(const struct ls_www *www, const char *path)
{
    const char *name = strrchr(path, '/');
    return ls_mime_of(&www->types, ls_slice_of(name ? name + 1 : path));
}

/* What is compressed on its way is read from its descriptor, so it is not kept. */
static struct ls_shelf *shelf_for(const struct ls_www *www, struct place in, const char *path)
{
    bool packed = www->gzip && ls_mime_compressible(type_of(www, path));
    return in.root != www->root || packed ? NULL : www->shelf;
}

/* A regular file, from memory or opened. 0, or -status. */
static int obtain(const struct ls_www *www, struct place in, const char *path, struct ls_file *file,
                  struct stat *st)
{
    struct ls_shelf *shelf = shelf_for(www, in, path);
    *file = (struct ls_file) { .fd = -1 };
    file->content = shelf ? ls_shelf_find(shelf, in.root, path, st) : NULL;
    int err = file->content ? 0 : open_regular(in, path, &file->fd, st);
    if (err == 0)
        describe(file, st);
    return err;
}

/* It is the one that is given out. */
static void offer(const struct ls_www *www, struct place in, const char *path,
                  const struct ls_file *file, const struct stat *st)
{
    struct ls_shelf *shelf = shelf_for(www, in, path);
    if (shelf && !file->content)
        ls_shelf_offer(shelf, path, file->fd, st);
}

/* ---- compressed siblings ---- */

static const struct {
    struct ls_slice name;
    const char *suffix;
} codings[LS_CODINGS] = {
    [LS_CODING_NONE] = { { "identity", 8 }, "" },
    [LS_CODING_GZIP] = { { "gzip", 4 }, ".gz" },
    [LS_CODING_BR] = { { "br", 2 }, ".br" },
};

struct ls_slice ls_coding_name(enum ls_coding coding)
{
    return codings[coding].name;
}

/* Takes the sibling with that coding in place of the file, if it is there and not of old. */
static bool take_sibling(const struct ls_www *www, struct place in, const char *path,
                         enum ls_coding coding, const struct stat *original, struct ls_file *file)
{
    char name[PATH_MOST + 4];
    struct ls_file sibling;
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, codings[coding].suffix);
    if (obtain(www, in, name, &sibling, &st) < 0)
        return false;
    if (st.st_mtim.tv_sec < original->st_mtim.tv_sec) {
        ls_file_close(&sibling);
        return false;
    }
    ls_file_close(file);
    *file = sibling;
    file->coding = coding;
    offer(www, in, name, file, &st);
    return true;
}

/* The best that there is, by the client's weights; of equals the one that is smaller as a rule. */
static void choose_coding(const struct ls_www *www, struct place in, const char *path,
                          const struct ls_asker *asker, const struct stat *original,
                          struct ls_file *file)
{
    unsigned weight[LS_CODINGS];
    for (int c = 0; c < LS_CODINGS; c++)
        weight[c] = ls_accept_coding(asker->head, asker->base, codings[c].name);
    for (;;) {
        enum ls_coding best = LS_CODING_NONE;
        for (enum ls_coding c = LS_CODING_GZIP; c < LS_CODINGS; c++)
            if (weight[c] > 0 && weight[c] >= weight[best])
                best = c;
        if (best == LS_CODING_NONE || take_sibling(www, in, path, best, original, file))
            return;
        weight[best] = 0;
    }
}

/* ---- finding ---- */

static int open_file(const struct ls_www *www, struct place in, const char *path,
                     const struct ls_asker *asker, struct ls_file *file)
{
    struct stat st;
    int err = obtain(www, in, path, file, &st);
    if (err < 0)
        return err;
    struct ls_slice type = type_of(www, path);
    bool varies = ls_mime_compressible(type);
    if (varies)
        choose_coding(www, in, path, asker, &st, file);
    if (file->coding == LS_CODING_NONE)
        offer(www, in, path, file, &st);
    file->type = type;
    file->varies = varies;
    file->max_age = www->max_age;
    return 0;
}

int ls_file_find(const struct ls_www *www, const struct ls_target *target,
                 const struct ls_asker *asker, struct ls_file *file)
{
    struct path path;
    if (www->root < 0 || !path_of(target, www->index, &path))
        return -404;
    return open_file(www, beneath(www), path.text, asker, file);
}

int ls_file_open(const struct ls_www *www, const char *path, const struct ls_asker *asker,
                 struct ls_file *file)
{
    if (path[0] == '/')
        return open_file(www, (struct place) { AT_FDCWD, 0 }, path, asker, file);
    if (www->root < 0 || strlen(path) >= PATH_MOST)
        return -404;
    return open_file(www, beneath(www), path, asker, file);
}

int ls_file_folder(const struct ls_www *www, const struct ls_target *target)
{
    struct path path;
    if (www->root < 0 || !path_in(target, ".", &path))
        return -404;
    int fd = open_path(beneath(www), path.text, O_RDONLY | O_DIRECTORY);
    return fd < 0 ? status_of(fd) : fd;
}

bool ls_file_entry(const struct ls_www *www, const struct ls_target *target, const char *name,
                   struct ls_file_entry *entry)
{
    struct path path;
    struct stat st;
    if (name[0] == '.' || !path_in(target, name, &path))
        return false;
    int fd = open_path(beneath(www), path.text, O_PATH);
    if (fd < 0)
        return false;
    int err = ls_sys_fstat(fd, &st);
    ls_sys_close(fd);
    *entry =
        (struct ls_file_entry) { S_ISDIR(st.st_mode), (uint64_t)st.st_size, st.st_mtim.tv_sec };
    return err == 0 && (S_ISREG(st.st_mode) || entry->folder);
}

/* ---- reading ---- */

int ls_file_read(const struct ls_file *file, uint64_t at, size_t len, char *out)
{
    if (file->content) {
        memcpy(out, file->content + at, len);
        return 0;
    }
    for (size_t have = 0; have < len;) {
        long got = ls_sys_pread64(file->fd, out + have, len - have, (int64_t)(at + have));
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return -EIO;
        have += (size_t)got;
    }
    return 0;
}

void ls_file_close(struct ls_file *file)
{
    if (file->fd >= 0)
        ls_sys_close(file->fd);
    file->fd = -1;
}
