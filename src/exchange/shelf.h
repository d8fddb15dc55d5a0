/* Small files kept in memory by their paths beneath a root: one that is asked for again is read whole,
 * and given out from then on without being opened, as long as the path leads to what was read. That is
 * asked of the file system each time: inode, size, and the times of the last changes. */
#ifndef LS_EXCHANGE_SHELF_H
#define LS_EXCHANGE_SHELF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
    LS_SHELF_PLACES = 256,    /* files at most: of two for one place the later one stands there */
    LS_SHELF_FILE = 32 << 10, /* bytes of a file at most */
    LS_SHELF_MOST = 4 << 20,  /* bytes of all together; more: all are put away */
    LS_SHELF_SETTLED = 2      /* seconds that its last change has to be away: a second one within a
                                   tick of the file system's clock could not be told from it */
};

struct ls_kept {
    struct stat is;
    size_t path_len;
    char bytes[]; /* its path with a NUL, then what is in it */
};

struct ls_shelf {
    int64_t settled;                         /* LS_SHELF_SETTLED */
    struct ls_kept *places[LS_SHELF_PLACES]; /* NULL: free */
    uint64_t asked[LS_SHELF_PLACES];         /* sums of the paths asked for last */
    size_t bytes;                            /* of all that is kept */
};

/* The content of what the path leads to now, which *is describes, if that stands here; else NULL. It
 * stands here until something is offered. */
const char *ls_shelf_find(struct ls_shelf *s, int root, const char *path, struct stat *is);

/* A file beneath the root has been asked for, and was not found here. It may be kept. */
void ls_shelf_offer(struct ls_shelf *s, const char *path, int fd, const struct stat *is);

void ls_shelf_free(struct ls_shelf *s);

#endif
