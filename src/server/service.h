/* What a service manager (systemd, or another that speaks its protocols) and this process tell each
 * other: sd_listen_fds(3), sd_notify(3), and a file with the process id. */
#ifndef LS_SERVER_SERVICE_H
#define LS_SERVER_SERVICE_H

#include "os/net.h"
#include "server/listeners.h"

struct ls_service {
    struct ls_address notify; /* len 0: nobody wants to be told */
    char *pidfile;            /* that we have written; NULL: none */
    int pid;                  /* that stands in it */
};

/* Takes LISTEN_PID, LISTEN_FDS and NOTIFY_SOCKET out of the environment: sockets that were handed
 * over come to `listeners`. 0, or -1 with *error. */
int ls_service_begin(struct ls_service *v, struct ls_listeners *listeners,
                     struct luaserve_error *error);

/* Says `state`, such as "READY=1", to whoever wants to be told. */
void ls_service_notify(const struct ls_service *v, const char *state);

/* The same for "RELOADING=1", with the time that has to go with it. */
void ls_service_notify_reload(const struct ls_service *v);

/* Writes the id of this process into the file at `path` ("-": does nothing). 0, or -1 with *error. */
int ls_service_write_pid(struct ls_service *v, const char *path, struct luaserve_error *error);

/* Removes that file, if this is still the process that wrote it. */
void ls_service_end(struct ls_service *v);

#endif
