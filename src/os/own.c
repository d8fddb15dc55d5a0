#include "os/own.h"

#include <sys/mman.h>

#include "os/sys.h"

void *ls_own_new(size_t size)
{
    void *at = ls_sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ls_sys_bad(at) < 0)
        return NULL;
    if (ls_sys_madvise(at, size, MADV_DONTFORK) < 0) {
        ls_own_free(at, size);
        return NULL;
    }
    return at;
}

void ls_own_free(void *at, size_t size)
{
    if (at)
        ls_sys_munmap(at, size);
}
