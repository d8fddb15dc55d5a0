/* What the log says of a worker that died. */
#ifndef LS_SERVER_DEATH_H
#define LS_SERVER_DEATH_H

#include <sys/resource.h>

#include "server/server.h"

/* How a process ended, as wait4 told it. */
struct ls_death {
    int status;
    struct rusage usage;
};

/* With the incident id, the cause, what the process had used, and the head of its request, of which
 * credentials are left out. `told` is what became of the client. */
void ls_death_log(struct luaserve *s, uint32_t client, const struct ls_death *death,
                  const char *told);

/* What of that is for people, with a NUL at its end. Check text->failed. */
void ls_death_report(struct luaserve *s, uint32_t client, const struct ls_death *death,
                     struct ls_buffer *text);

/* The same for a side process, whose slot that is. `why` it was ended; NULL: not by us. */
void ls_death_log_side(struct luaserve *s, const struct ls_slot *slot, int pid, const char *why,
                       const struct ls_death *death);

/* The same for the worker of mode "pool" at that place, and all its clients. */
void ls_death_log_pool(struct luaserve *s, uint32_t place, const struct ls_death *death);

#endif
