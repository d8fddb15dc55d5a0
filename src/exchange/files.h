/* Files as representations: found beneath a folder, described by an open descriptor. A small one may
 * come without a descriptor, from memory; its content is good until the next file is looked for. */
#ifndef LS_EXCHANGE_FILES_H
#define LS_EXCHANGE_FILES_H

#include "http/head.h"
#include "http/mime.h"
#include "http/uri.h"

struct ls_gzip;
struct ls_shelf;

struct ls_www {                 /* a folder whose files are served */
    int root;                   /* its descriptor; -1: no files */
    const char *index;          /* the file that stands for a folder */
    bool listing;               /* folders without one show what is in them */
    uint64_t max_age;           /* seconds that clients may keep a file without asking; 0: unsaid */
    struct ls_mime_map types;   /* before those that we know */
    const struct ls_gzip *gzip; /* compresses what stands there uncompressed; NULL: nothing does */
    struct ls_shelf *shelf;     /* keeps what is small; NULL: nothing is kept */
};

enum ls_coding { LS_CODING_NONE, LS_CODING_GZIP, LS_CODING_BR, LS_CODINGS };

enum { LS_ETAG_MAX = 64 };

struct ls_file {
    int fd;              /* of a regular file, read-only; -1: it is kept … */
    const char *content; /* … and this is in it; else NULL */
    uint64_t size;
    int64_t modified;       /* seconds since 1970 */
    struct ls_slice type;   /* media type, by its name */
    enum ls_coding coding;  /* of the bytes: that of a sibling such as app.js.br */
    uint64_t max_age;       /* seconds: as struct ls_www has it */
    bool varies;            /* who accepts other codings may get other bytes */
    char etag[LS_ETAG_MAX]; /* with its quotes: size, mtime to the nanosecond, inode */
};

/* Who asks: a sibling that is compressed stands for the file where the client would rather have
 * it, unless it is older than the file (by its time in whole seconds): then it was made of
 * something else. */
struct ls_asker {
    const struct ls_head *head;
    const char *base;
};

struct ls_slice ls_coding_name(enum ls_coding coding); /* "gzip"; of NONE "identity" */

/* The file that `target` names; for a path that ends in "/", `index` in that folder. Links may
 * lead anywhere beneath the root and nowhere else; names that begin with "." are not found, but
 * for /.well-known/.
 * 0 and an open file; or -status: -404, -403 (no permission), -301 (a folder without the "/" at
 * the end), -503 (out of descriptors or memory), -500. */
int ls_file_find(const struct ls_www *www, const struct ls_target *target,
                 const struct ls_asker *asker, struct ls_file *file);

/* The file that a handler names: beneath the root, or anywhere by an absolute path. As above. */
int ls_file_open(const struct ls_www *www, const char *path, const struct ls_asker *asker,
                 struct ls_file *file);

/* A descriptor of the folder that `target` names, or -status as above. */
int ls_file_folder(const struct ls_www *www, const struct ls_target *target);

/* What stands under a name in that folder, without opening it for reading: its path from the root
 * is that of the target and the name. False for what a client cannot be given: links that lead
 * out, FIFOs, devices … */
struct ls_file_entry {
    bool folder;
    uint64_t size;
    int64_t modified; /* seconds since 1970 */
};
bool ls_file_entry(const struct ls_www *www, const struct ls_target *target, const char *name,
                   struct ls_file_entry *entry);

/* `len` bytes of the file from `at` into `out`. 0; -EIO when it has become too short. */
int ls_file_read(const struct ls_file *file, uint64_t at, size_t len, char *out);

void ls_file_close(struct ls_file *file);

#endif
