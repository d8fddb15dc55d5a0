/* What the program around a server has asked for: it holds for every generation. */
#ifndef LS_SERVER_HOST_H
#define LS_SERVER_HOST_H

#include "lua/native.h"

struct ls_host {
    struct ls_natives natives;
    void (*log)(void *user, const char *line, size_t len); /* NULL: log.file */
    void *log_user;
    void (*ended)(void *user, const struct luaserve_ended *ended); /* NULL: nobody */
    void *ended_user;
};

#endif
