#include "os/whole.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "os/folder.h"
#include "os/sys.h"

enum { BLOCK = 16 << 10, DEPTH = 16 };

int ls_whole_read(const char *path, size_t most, struct ls_buffer *text)
{
    struct ls_open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY };
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    long got = fd;
    while (got >= 0 && (got = ls_buffer_reserve(text, BLOCK)) == 0) {
        got = ls_sys_read(fd, text->at + text->len, BLOCK);
        if (got == -EINTR)
            got = 0;
        else if (got <= 0)
            break;
        text->len += (size_t)got;
        if (text->len > most)
            got = -EFBIG;
    }
    if (fd >= 0)
        ls_sys_close(fd);
    return (int)got;
}

struct walk {
    struct ls_buffer *names; /* NULL: not wanted */
    uint64_t digest;         /* FNV-1a */
    struct ls_buffer path;   /* of the folder at hand, with a "/" at its end */
    size_t root;             /* bytes of the path before names begin */
    int depth, err;
};

static int walk(struct walk *w);

static void add(struct walk *w, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        w->digest = (w->digest ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
}

/* Files come in any order: each adds its own sum. */
static void take_file(struct walk *w, struct ls_slice name, const struct stat *st)
{
    uint64_t before = w->digest;
    if (w->names)
        ls_buffer_append(w->names, name.at, name.len);
    w->digest = 14695981039346656037u;
    add(w, name.at, name.len);
    add(w, &st->st_size, sizeof st->st_size);
    add(w, &st->st_mtim, sizeof st->st_mtim);
    add(w, &st->st_ino, sizeof st->st_ino);
    w->digest += before;
}

/* What stands at w->path, a link perhaps. */
static void visit(struct walk *w, const char *name)
{
    struct ls_open_how how = { .flags = O_PATH | O_CLOEXEC };
    struct stat st;
    size_t len = w->path.len;
    ls_buffer_append(&w->path, name, strlen(name) + 1);
    if (w->path.failed) {
        w->err = -ENOMEM;
        return;
    }
    int fd = ls_sys_openat2(AT_FDCWD, w->path.at, &how, sizeof how);
    int err = fd < 0 ? fd : ls_sys_fstat(fd, &st);
    if (fd >= 0)
        ls_sys_close(fd);
    if (err == 0 && S_ISREG(st.st_mode)) {
        take_file(w, (struct ls_slice) { w->path.at + w->root, w->path.len - w->root }, &st);
    } else if (err == 0 && S_ISDIR(st.st_mode)) {
        w->path.at[w->path.len - 1] = '/';
        w->err = walk(w);
    }
    w->path.len = len;
}

static bool take(void *ctx, const char *name, int type)
{
    struct walk *w = ctx;
    (void)type; /* of the link, where it is one */
    if (name[0] != '.')
        visit(w, name);
    return w->err == 0;
}

static int walk(struct walk *w)
{
    if (++w->depth > DEPTH)
        return -ELOOP;
    ls_buffer_byte(&w->path, '\0');
    int dir = w->path.failed ? -ENOMEM : ls_folder_open(w->path.at);
    if (dir < 0)
        return dir;
    w->path.len--;
    int err = ls_folder_each(dir, take, w);
    ls_sys_close(dir);
    w->depth--;
    return err < 0 ? err : w->err;
}

int ls_whole_names(const char *folder, struct ls_buffer *names)
{
    struct walk w = { .names = names };
    ls_buffer_text(&w.path, folder);
    ls_buffer_byte(&w.path, '/');
    w.root = w.path.len;
    int err = walk(&w);
    ls_buffer_free(&w.path);
    return err == 0 && names->failed ? -ENOMEM : err;
}

uint64_t ls_whole_digest(const char *path)
{
    struct walk w = { .names = NULL };
    struct ls_open_how how = { .flags = O_PATH | O_CLOEXEC };
    struct stat st;
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    int err = fd < 0 ? fd : ls_sys_fstat(fd, &st);
    if (fd >= 0)
        ls_sys_close(fd);
    if (err == 0 && !S_ISDIR(st.st_mode))
        take_file(&w, ls_slice_of(path), &st);
    ls_buffer_text(&w.path, path);
    ls_buffer_byte(&w.path, '/');
    w.root = w.path.len;
    if (err == 0 && S_ISDIR(st.st_mode))
        walk(&w);
    ls_buffer_free(&w.path);
    return w.digest;
}
