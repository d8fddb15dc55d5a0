/* Whom a request comes from, and for which host: what the connection and the head say, or, where the
 * client is a proxy that is trusted (site.h), what it says of whom it passes on. */
#ifndef LS_EXCHANGE_ORIGIN_H
#define LS_EXCHANGE_ORIGIN_H

#include "exchange/engine.h"

struct ls_origin {
    struct ls_slice ip;     /* an address, or "unix" */
    uint16_t port;          /* 0: not known */
    struct ls_slice scheme; /* "http" or "https" */
    struct ls_slice
        host; /* host[:port], as sent: of the target, where it names one, else of Host */
};

/* Good as long as the engine's input does not change.
 *
 * Forwarded (RFC 7239) goes before X-Forwarded-For, -Proto and -Host. Addresses are believed from the
 * right: each that is itself a trusted proxy's is passed over, the first that is not is the client's.
 * From what is malformed on, nothing is believed. */
struct ls_origin ls_origin_of(const struct ls_engine *e);

#endif
