/* A file that lines are appended to, by any process of the server, one write a line; or a descriptor that
 * there was before. */
#ifndef LS_SERVER_LOGFILE_H
#define LS_SERVER_LOGFILE_H

#include <stdatomic.h>

#include "exchange/access.h"

struct luaserve_error;

struct ls_log_file {
    int fd;
    const char *path;            /* NULL: it was there before */
    uint32_t age;                /* of what fd is */
    const _Atomic uint32_t *now; /* another age: to be opened again; NULL: nobody asks for it */
    bool known, regular;         /* whether it is a file that never lets anybody wait */
    bool stuck;                  /* it did not take the last line */
};

/* `path` "-": keeps the descriptor that stands in file->fd. 0, or -1 with *error, which names the key. */
int ls_log_file_open(struct ls_log_file *file, const char *path, const char *key,
                     struct luaserve_error *error);
void ls_log_file_close(struct ls_log_file *file); /* if it was opened */

/* A sink (base/log.h), with the file as ctx. A pipe that is full for longer than 100 ms loses the line. Opens it again first, if that was asked for: then the file at
 * the path may be another one. */
void ls_log_file_write(void *ctx, const char *line, size_t len);

/* See struct ls_access. True too where nobody can read what was written. */
bool ls_log_file_has(void *ctx, const struct ls_access_text *text);

#endif
