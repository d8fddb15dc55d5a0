/* The folders that routes serve files from: app:static. Number 1 is the first. */
#ifndef LS_EXCHANGE_MOUNTS_H
#define LS_EXCHANGE_MOUNTS_H

#include "exchange/files.h"

struct ls_mounts {
    struct ls_www *all;
    size_t count;
};

/* Opens the folder; `www` says how its files are served, its texts are copied. The number, or -errno. */
int ls_mounts_add(struct ls_mounts *m, const char *folder, const struct ls_www *www);

/* All of them take these from `www`: media types, compression. Shelves are their own. -ENOMEM. */
int ls_mounts_settle(struct ls_mounts *m, const struct ls_www *www);

void ls_mounts_free(struct ls_mounts *m);

#endif
