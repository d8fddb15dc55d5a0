/* Files as representations: found beneath the document root, described by an open descriptor. */
#ifndef LS_EXCHANGE_FILES_H
#define LS_EXCHANGE_FILES_H

#include "http/uri.h"

enum { LS_ETAG_MAX = 64 };

struct ls_file {
    int fd; /* of a regular file, read-only */
    uint64_t size;
    int64_t modified;       /* seconds since 1970 */
    struct ls_slice type;   /* media type, by its name */
    char etag[LS_ETAG_MAX]; /* strong, with its quotes: size, mtime to the nanosecond, inode */
};

/* The file that `target` names beneath `root`; for a path that ends in "/", `index` in that
 * folder. Links may lead anywhere beneath the root and nowhere else; names that begin with "."
 * are not found, but for /.well-known/.
 * 0 and an open file; or -status: -404, -403 (no permission), -301 (a folder without the "/" at
 * the end), -503 (out of descriptors or memory), -500. */
int ls_file_find(int root, const char *index, const struct ls_target *target, struct ls_file *file);

/* The file that a handler names: beneath `root`, or anywhere by an absolute path. As above. */
int ls_file_open(int root, const char *path, struct ls_file *file);

/* The whole of a file into `out`, for small ones. 0; -EIO when it is shorter than its size. */
int ls_file_read(const struct ls_file *file, char *out);

#endif
