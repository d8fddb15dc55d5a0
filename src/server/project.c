#include "luaserve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "os/folder.h"
#include "os/sys.h"
#include "server/error.h"

/* The texts, which asm/project.asm takes from src/server/project. */
#define TEXT(name) extern const char ls_project_##name[], ls_project_##name##_end[]
TEXT(config);
TEXT(script);
TEXT(page);
TEXT(spec);
TEXT(busted);
TEXT(ignore);
TEXT(readme);

struct piece {
    const char *name;       /* below the project's folder */
    const char *text, *end; /* NULL: a folder */
};

#define FILE_OF(name) ls_project_##name, ls_project_##name##_end

static const struct piece pieces[] = {
    { "config.lua", FILE_OF(config) },        { "scripts", NULL, NULL },
    { "scripts/hello.lua", FILE_OF(script) }, { "www", NULL, NULL },
    { "www/index.html", FILE_OF(page) },      { "spec", NULL, NULL },
    { "spec/hello_spec.lua", FILE_OF(spec) }, { ".busted", FILE_OF(busted) },
    { ".gitignore", FILE_OF(ignore) },        { "README.md", FILE_OF(readme) },
};

enum { PIECES = sizeof pieces / sizeof *pieces };

struct project {
    const char *root;
    bool own_root; /* it was not there before */
    size_t made;   /* of the pieces, the one at hand too */
    char path[PATH_MAX];
};

static const char *path_of(struct project *p, const struct piece *piece)
{
    snprintf(p->path, sizeof p->path, "%s/%s", p->root, piece->name);
    return p->path;
}

static int fail(const char *path, int err, struct luaserve_error *error)
{
    return ls_error_set(error, LUASERVE_CREATE, "%s: %s", path, strerror(-err));
}

static int write_text(int fd, const char *text, const char *end)
{
    while (text < end) {
        long sent = ls_sys_write(fd, text, (size_t)(end - text));
        if (sent < 0 && sent != -EINTR)
            return (int)sent;
        if (sent > 0)
            text += sent;
    }
    return 0;
}

static int make_piece(struct project *p, const struct piece *piece)
{
    const struct ls_open_how how = { .flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                                     .mode = 0666 };
    const char *path = path_of(p, piece);
    int fd =
        piece->text ? ls_sys_openat2(AT_FDCWD, path, &how, sizeof how) : ls_sys_mkdir(path, 0777);
    if (fd < 0)
        return fd;
    p->made++;
    if (!piece->text)
        return 0;
    int err = write_text(fd, piece->text, piece->end);
    int closed = ls_sys_close(fd); /* some file systems say only then that the disk is full */
    return err < 0 ? err : closed;
}

static void undo(struct project *p)
{
    while (p->made > 0) {
        const struct piece *piece = &pieces[--p->made];
        if (piece->text)
            ls_sys_unlink(path_of(p, piece));
        else
            ls_sys_rmdir(path_of(p, piece));
    }
    if (p->own_root)
        ls_sys_rmdir(p->root);
}

static bool note_entry(void *ctx, const char *name, int type)
{
    (void)name, (void)type;
    *(bool *)ctx = true;
    return false;
}

/* 0 for a folder in which nothing is. */
static int look_into(const char *root)
{
    bool found = false;
    int dir = ls_folder_open(root);
    int err = dir < 0 ? dir : ls_folder_each(dir, note_entry, &found);
    if (dir >= 0)
        ls_sys_close(dir);
    return err == 0 && found ? -ENOTEMPTY : err;
}

static int make_root(struct project *p)
{
    size_t longest = strlen("/spec/hello_spec.lua");
    if (strlen(p->root) + longest >= sizeof p->path)
        return -ENAMETOOLONG;
    int err = ls_sys_mkdir(p->root, 0777);
    p->own_root = err == 0;
    return err == -EEXIST ? look_into(p->root) : err;
}

int luaserve_new_project(const char *root, struct luaserve_error *error)
{
    struct project p = { .root = root };
    int err = make_root(&p);
    if (err < 0)
        return fail(root, err, error);
    for (size_t i = 0; i < PIECES && err == 0; i++)
        err = make_piece(&p, &pieces[i]);
    if (err < 0) {
        fail(p.path, err, error);
        undo(&p);
    }
    return err < 0 ? -1 : 0;
}
