/* Names of hosts. */
#ifndef LS_OS_RESOLVE_H
#define LS_OS_RESOLVE_H

#include "os/net.h"

enum { LS_RESOLVED = 8 };

/* The addresses of a host ("127.0.0.1", "::1", "localhost"; "unix:/path", whose port is of no use), the one to
 * be tried first before the others. How many; -ENOENT: there is none of that name; -EINVAL. The C library asks
 * whom it is configured to ask, and waits for it. */
int ls_resolve(const char *host, uint16_t port, struct ls_address all[LS_RESOLVED]);

/* "host:port", "[::1]:port", "unix:/path". The same. */
int ls_resolve_text(const char *text, struct ls_address all[LS_RESOLVED]);

#endif
