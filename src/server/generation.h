/* What one reading of the configuration and of the scripts made: a reload replaces it as a whole.
 * Workers keep the one that they were forked with. */
#ifndef LS_SERVER_GENERATION_H
#define LS_SERVER_GENERATION_H

#include "exchange/shelf.h"
#include "lua/secret.h"
#include "luaserve.h"
#include "os/network.h"
#include "server/clients.h"
#include "server/config.h"
#include "server/logfile.h"
#include "server/host.h"
#include "server/shared.h"
#include "server/side.h"
#include "server/worker.h"

struct ls_generation {
    struct ls_config config;
    const struct ls_mode
        *mode;            /* that the server is in already; NULL: what the configuration says */
    bool loading, loaded; /* has it begun to load; and ended well */
    struct ls_log log;
    struct ls_access access;
    struct ls_log_file log_file, access_file;
    struct ls_gzip *gzip;       /* NULL: nothing is compressed */
    struct ls_shelf shelf;      /* of the files that it serves */
    struct ls_sandbox *sandbox; /* NULL: workers may do everything */
    const char *made_up;
    const struct ls_host *host;
    struct ls_secrets secrets;
    struct ls_network trusted[LS_CONFIG_TEXTS], observers[LS_CONFIG_TEXTS];
    struct ls_router *router;
    struct ls_mounts mounts;
    struct ls_services services;
    struct ls_schedules schedules;
    struct ls_lua *lua;
    uint64_t digest;     /* of what it was made of, before it was read; see ls_generation_digest */
    struct ls_site site; /* refers to all the above */
    struct ls_worker worker; /* of the child, once it is one … */
    struct ls_side side;     /* … or this */
};

/* The default configuration, nothing loaded; NULL when memory is short. `made_up`: the secret when the
 * configuration has none; both it and `host` live longer. */
struct ls_generation *ls_generation_new(const char made_up[LS_SECRET_MADE],
                                        const struct ls_host *host);
void ls_generation_free(struct ls_generation **g);

/* As luaserve_config_file, luaserve_config_text, luaserve_set and luaserve_load; check is the part of load that only looks at
 * the configuration. 0, or -1 with *error. */
int ls_generation_file(struct ls_generation *g, const char *path, struct luaserve_error *error);
int ls_generation_text(struct ls_generation *g, const struct ls_config_text *text,
                       struct luaserve_error *error);
int ls_generation_set(struct ls_generation *g, const char *key, const char *value,
                      struct luaserve_error *error);

/* The functions of that state become the handlers, whose scripts need not be loaded: see ls_lua_adopt. No
 * reload makes another one of it. 0, or -1 with *error. */
int ls_generation_adopt(struct ls_generation *g, lua_State *program, const luaL_Reg *functions,
                        void *ctx, struct luaserve_error *error);

/* Of one that has not begun to load: the default configuration again. 0; -EBUSY: it has; or -ENOMEM. */
int ls_generation_reset(struct ls_generation *g);

int ls_generation_check(struct ls_generation *g, struct luaserve_error *error);
int ls_generation_load(struct ls_generation *g, struct luaserve_error *error);

/* Changes when the config file, a script or a template has changed. */
uint64_t ls_generation_digest(const struct ls_generation *g);

/* From now on it is number `number` of those that refer to `shared`; NULL: to nothing. */
void ls_generation_share(struct ls_generation *g, struct ls_shared *shared, uint32_t number);

/* In the supervisor, before the first fork: what all workers have in common is made once, and
 * memory is tidied. 0 or -errno. */
int ls_generation_prepare(struct ls_generation *g);

#endif
