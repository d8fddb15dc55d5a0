/* The sockets on which a server listens. */
#ifndef LS_SERVER_LISTENERS_H
#define LS_SERVER_LISTENERS_H

#include "exchange/services.h"
#include "os/net.h"
#include "server/config.h"
#include "server/error.h"

enum { LS_LISTENERS = LS_CONFIG_LISTENERS + LS_SERVICES };

struct ls_listener {
    int fd;
    uint32_t service;                /* 1: the first of the services …; 0: HTTP */
    char wanted[LS_ADDRESS_TEXT];    /* as configured; empty: it was handed over */
    char bound[LS_ADDRESS_TEXT];     /* really */
    char url[LS_ADDRESS_TEXT + 8];   /* the same, for people */
    char unix_path[LS_ADDRESS_TEXT]; /* to be removed at the end; empty: none */
    uint16_t port;
};

struct ls_listeners {
    struct ls_listener all[LS_LISTENERS];
    size_t count;
};

/* Listens on every address of the configuration. One that is wanted or bound in `old` already (NULL:
 * none is) is taken over from there, and what was handed over stays instead of what is configured.
 * 0, or -1 with *error and nothing new left open; `old` is unchanged either way. */
int ls_listeners_open(struct ls_listeners *l, const struct ls_config *c,
                      const struct ls_listeners *old, struct luaserve_error *error);

/* The same for the services that scripts have registered, behind those of the configuration. */
int ls_listeners_open_services(struct ls_listeners *l, const struct ls_services *services,
                               const struct ls_config *c, const struct ls_listeners *old,
                               struct luaserve_error *error);

/* Takes `count` listening sockets over, from descriptor `first` on. 0, or -1 with *error. */
int ls_listeners_adopt(struct ls_listeners *l, int first, int count, struct luaserve_error *error);

/* One more, which stays the caller's after a failure. */
int ls_listeners_adopt_one(struct ls_listeners *l, int fd, struct luaserve_error *error);

bool ls_listeners_have(const struct ls_listeners *l, int fd);

/* Closes those of them that `but` (NULL: none) does not have, and removes the files of Unix
 * sockets; none is left. */
void ls_listeners_close(struct ls_listeners *l, const struct ls_listeners *but);

#endif
