/* What a server has. Nothing of it is static: two servers can live in one process. */
#ifndef LS_SERVER_SERVER_H
#define LS_SERVER_SERVER_H

#include "luaserve.h"

#include <pthread.h>

#include "os/fds.h"
#include "os/process.h"
#include "server/census.h"
#include "server/children.h"
#include "server/clients.h"
#include "server/door.h"
#include "server/listeners.h"
#include "server/mode.h"
#include "server/pool.h"
#include "server/recipe.h"
#include "server/reload.h"
#include "server/service.h"
#include "server/shared.h"
#include "server/timetable.h"
#include "server/tracing.h"
#include "server/warden.h"

/* What an event of the supervisor's epoll set is about: the low half of its data. The high half
 * says which one. */
enum {
    LS_ABOUT_LISTENER,
    LS_ABOUT_CLIENT,
    LS_ABOUT_SIGNAL,
    LS_ABOUT_SOCKET,
    LS_ABOUT_BELL,
    LS_ABOUT_CHILD,
    LS_ABOUT_WAKE,
    LS_ABOUT_TIMER
};

struct luaserve {
    struct ls_generation *now; /* the one that new clients get */
    struct ls_recipe recipe;
    struct ls_host host;
    char made_up[LS_SECRET_MADE]; /* the secret where none is configured: reloads keep it */
    struct ls_listeners listeners;
    struct ls_service service;

    /* of the supervisor while it runs */
    struct ls_fds fds;
    struct ls_fork fork;
    struct ls_shared *shared;
    struct ls_clients clients;
    int epoll, signals, placeholder; /* -1: not open */
    int wake;         /* the same: readable when somebody wants something of the supervisor */
    bool own_signals; /* luaserve_handle_signals */
    bool listening;
    enum { LS_NOT_STARTED, LS_RUNS, LS_HAS_RUN } life;
    pid_t pid;                   /* of the process that made it, */
    pthread_t thread;            /* that started it: no other one may step it */
    struct ls_signals before;    /* own_signals: what there was of them */
    struct ls_signals_held held; /* while the process is in our hands */
    uint64_t looked, due;        /* µs: when it looked last what is to do; when it has to again */
    struct {
        int fd;      /* -1: not open */
        uint64_t at; /* µs: when it is to go off, for who waits beside s->epoll; 0: it has */
    } timer;
    struct ls_children children;
    struct ls_door door;
    struct ls_census census;
    struct ls_pool pool;
    struct ls_warden warden;
    struct ls_timetable timetable;
    struct ls_tracing tracing;
    _Atomic int stop; /* 1: gracefully, 2: at once */
    struct {
        _Atomic int reload, reopen;
    } asked;
    struct ls_reload reload;
    uint64_t drain_until;
    const struct ls_mode *mode;
    uint32_t max_clients;
    uint64_t shortest; /* µs: the shortest of all budgets */
    uint64_t look_at;  /* µs: when the budgets are due; 0: at once */
};

#endif
