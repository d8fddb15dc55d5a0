#include "os/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>

#include "os/sys.h"

struct entry { /* struct linux_dirent64 of getdents64(2) */
    uint64_t inode;
    int64_t next;
    unsigned short len;
    unsigned char type;
    char name[];
};

int ls_folder_open(const char *path)
{
    struct ls_open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC };
    return ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
}

static bool self_or_parent(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int ls_folder_each(int dir, bool (*name)(void *ctx, const char *name, int type), void *ctx)
{
    alignas(struct entry) char block[8192];
    long got;
    while ((got = ls_sys_getdents64(dir, block, sizeof block)) > 0) {
        for (long at = 0; at < got;) {
            const struct entry *e = (const void *)(block + at);
            if (!self_or_parent(e->name) && !name(ctx, e->name, e->type))
                return 0;
            at += e->len;
        }
    }
    return (int)got;
}
