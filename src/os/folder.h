/* The names in a folder. */
#ifndef LS_OS_FOLDER_H
#define LS_OS_FOLDER_H

#include "base/slice.h"

/* Calls `name` for each entry but "." and ".." of the folder open as `dir`, in the order of the
 * file system, until it answers false. `type` is DT_REG, DT_DIR … or DT_UNKNOWN. 0 or -errno. */
int ls_folder_each(int dir, bool (*name)(void *ctx, const char *name, int type), void *ctx);

int ls_folder_open(const char *path); /* the descriptor, or -errno (-ENOTDIR …) */

#endif
