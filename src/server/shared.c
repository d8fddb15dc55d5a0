#include "server/shared.h"

#include <stddef.h>
#include <sys/mman.h>

#include "os/sys.h"

static size_t size_of(uint32_t slots)
{
    return sizeof(struct ls_shared) + slots * sizeof(struct ls_slot);
}

int ls_shared_map(struct ls_shared **shared, uint32_t slots)
{
    void *at = ls_sys_mmap(NULL, size_of(slots), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                           -1, 0);
    int err = ls_sys_bad(at);
    *shared = err < 0 ? NULL : at;
    if (err == 0)
        (*shared)->count = slots;
    return err;
}

void ls_shared_unmap(struct ls_shared **shared)
{
    if (*shared)
        ls_sys_munmap(*shared, size_of((*shared)->count));
    *shared = NULL;
}
