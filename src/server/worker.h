/* The worker of mode "fork": one process, one client, from its first byte until it leaves. The
 * driver of the engine that simply blocks. */
#ifndef LS_SERVER_WORKER_H
#define LS_SERVER_WORKER_H

#include "exchange/engine.h"
#include "server/self.h"

struct ls_worker {
    struct ls_driver driver; /* first: the engine knows the worker by it */
    struct ls_engine engine;
    struct luaserve *server;
    struct ls_self self;
    struct ls_crash_stack *crash_stack;
    uint64_t described;      /* the request whose method and target the slot holds */
    uint64_t received, sent; /* bytes on this connection */
    int fd;                  /* the client's socket */
    bool said_all;           /* SHUT_WR is done */
};

/* In the supervisor, before the first fork: what all workers have in common. 0 or -errno. */
int ls_worker_prepare(struct ls_worker *w, const struct ls_site *site, struct ls_lua *lua);
void ls_worker_free(struct ls_worker *w);

/* What a worker is made for. The supervisor writes it where it has to write anyhow: on its stack. */
struct ls_errand {
    uint64_t client;      /* its number */
    uint32_t service;     /* 1: the first of site->services …; 0: HTTP */
    struct ls_slot *slot; /* of the client */
    int entry;            /* of the ring, where its socket is */
    struct ls_peer peer;
};

/* In the child: serves the client, and ends the process. */
_Noreturn void ls_worker_main(struct luaserve *s, const struct ls_errand *errand);

#endif
