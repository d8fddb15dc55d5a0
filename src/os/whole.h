/* Files read whole, and all files beneath a folder. */
#ifndef LS_OS_WHOLE_H
#define LS_OS_WHOLE_H

#include "base/buffer.h"

/* Appends what is in the file, of at most `most` bytes. 0 or -errno (-EFBIG), with what was read so far
 * in `text`. */
int ls_whole_read(const char *path, size_t most, struct ls_buffer *text);

/* Appends the names of all files beneath the folder, each relative to it and with a NUL behind it, in the
 * order of the file system. Names that begin with "." are left out, links are followed; deeper than 16
 * folders is -ELOOP. 0 or -errno. */
int ls_whole_names(const char *folder, struct ls_buffer *names);

/* A sum over the file, or over all files beneath the folder: their names, sizes, times and numbers. It
 * changes when one of them is written, comes or goes; of what is not there it is 0. */
uint64_t ls_whole_digest(const char *path);

#endif
