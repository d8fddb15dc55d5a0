/* A reload: the configuration and the scripts are read again, and new clients get what they make.
 * A process of its own tries it first, so that nothing in them (a fault, an endless loop, a crash)
 * can touch the server: as long as it has not come to a good end, the old generation goes on. */
#ifndef LS_SERVER_RELOAD_H
#define LS_SERVER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "luaserve.h"

struct ls_reload {
    uint64_t tried;                 /* digest of what was tried last because it had changed */
    int pid;                        /* of the process that tries; 0: none */
    uint64_t until;                 /* µs: when patience with it ends */
    bool late;                      /* it did */
    bool again;                     /* asked for once more meanwhile */
    struct luaserve_error *verdict; /* its, in memory shared with it; NULL: none yet */
};

/* Begins to try; if that is being done already, once more afterwards. */
void ls_reload_begin(struct luaserve *s);

/* A child has ended, and was reaped. True if it was the one that tried: then the new generation is
 * in force, or the log says why not. */
bool ls_reload_ended(struct luaserve *s, int pid, int status);

/* Ends what takes too long. When to look again, in µs; 0: no need. */
uint64_t ls_reload_look(struct luaserve *s, uint64_t now);

/* Gives up what is under way. */
void ls_reload_drop(struct luaserve *s);

/* In dev, when somebody comes: have the config file, scripts or templates changed since they were read,
 * or tried? Then a reload is begun. True: one is on, and whoever comes waits for its end. */
bool ls_reload_for_change(struct luaserve *s);

#endif
