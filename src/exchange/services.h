/* The raw TCP services of a server: addresses where a handler has each connection from its first byte. */
#ifndef LS_EXCHANGE_SERVICES_H
#define LS_EXCHANGE_SERVICES_H

#include <stddef.h>

#include "exchange/limits.h"

enum { LS_SERVICES = 16 };

struct ls_service_at {
    char *address; /* "127.0.0.1:55555", "[::1]:0", "unix:/path" */
    char *where;   /* "scripts/echo.lua:3" */
    int handler;
    struct ls_limits own;
};

struct ls_services {
    struct ls_service_at all[LS_SERVICES];
    size_t count;
};

/* Copies the texts. 0; -ENOSPC: there are LS_SERVICES; -ENOMEM. */
int ls_services_add(struct ls_services *s, const struct ls_service_at *service);
void ls_services_free(struct ls_services *s);

#endif
