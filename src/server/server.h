/* What a server has. Nothing of it is static: two servers can live in one process. */
#ifndef LS_SERVER_SERVER_H
#define LS_SERVER_SERVER_H

#include "luaserve.h"

#include "exchange/engine.h"
#include "lua/state.h"
#include "os/fds.h"
#include "os/net.h"
#include "os/process.h"
#include "server/clients.h"
#include "server/config.h"
#include "server/worker.h"

struct ls_listener {
    int fd;
    char url[LS_ADDRESS_TEXT + 8];
    char unix_path[LS_ADDRESS_TEXT]; /* to be removed at the end; empty: none */
    uint16_t port;
};

/* What an event of the supervisor's epoll set is about: the low half of its data. The high half
 * says which one. */
enum { LS_ABOUT_LISTENER, LS_ABOUT_CLIENT, LS_ABOUT_SIGNAL };

struct luaserve {
    struct ls_config config;
    struct ls_log log;
    struct ls_log_file {
        int fd;
    } log_file;

    struct ls_gzip *gzip; /* NULL: nothing is compressed */
    struct ls_router *router;
    struct ls_lua *lua;
    struct ls_site site;
    bool loaded;

    struct ls_listener listeners[LS_CONFIG_LISTENERS];
    size_t listener_count;

    /* of the supervisor while it runs */
    struct ls_fds fds;
    struct ls_fork fork;
    struct ls_clients clients;
    int epoll, signals, placeholder; /* -1: not open */
    bool own_signals;                /* luaserve_handle_signals */
    bool accepting, listening;
    volatile int stop;     /* 1: gracefully, 2: at once */
    uint64_t accept_again; /* µs: accepting is put off until then; 0: it is not */
    uint64_t drain_until;
    uint64_t shortest; /* µs: the shortest of all budgets */

    struct ls_worker worker; /* of the child, once it is one */
};

#endif
