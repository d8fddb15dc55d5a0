#include "exchange/mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/shelf.h"
#include "os/folder.h"
#include "os/sys.h"

int ls_mounts_add(struct ls_mounts *m, const char *folder, const struct ls_www *www)
{
    struct ls_www *all = reallocarray(m->all, m->count + 1, sizeof *all);
    if (!all)
        return -ENOMEM;
    m->all = all;
    char *index = strdup(www->index);
    int root = index ? ls_folder_open(folder) : -ENOMEM;
    if (root < 0) {
        free(index);
        return root;
    }
    all[m->count] = *www;
    all[m->count].root = root;
    all[m->count].index = index;
    all[m->count].shelf = NULL;
    return (int)++m->count;
}

int ls_mounts_settle(struct ls_mounts *m, const struct ls_www *www)
{
    for (size_t i = 0; i < m->count; i++) {
        struct ls_www *mount = &m->all[i];
        mount->types = www->types;
        mount->gzip = www->gzip;
        mount->shelf = www->shelf ? calloc(1, sizeof *mount->shelf) : NULL;
        if (www->shelf && !mount->shelf)
            return -ENOMEM;
        if (mount->shelf)
            mount->shelf->settled = www->shelf->settled;
    }
    return 0;
}

void ls_mounts_free(struct ls_mounts *m)
{
    for (size_t i = 0; i < m->count; i++) {
        ls_sys_close(m->all[i].root);
        free((char *)m->all[i].index);
        if (m->all[i].shelf)
            ls_shelf_free(m->all[i].shelf);
        free(m->all[i].shelf);
    }
    free(m->all);
    *m = (struct ls_mounts) { .all = NULL };
}
