/* Memory that only this process has: what it forks does not find it (madvise(2), MADV_DONTFORK), nor
 * pays for it. */
#ifndef LS_OS_OWN_H
#define LS_OS_OWN_H

#include <stddef.h>

/* `size` (> 0) bytes of 0, at a page's begin; NULL: there is no memory. */
void *ls_own_new(size_t size);
void ls_own_free(void *at, size_t size); /* NULL: nothing */

#endif
