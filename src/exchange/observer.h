/* Who may look at what the server says of itself: status, metrics, traces. */
#ifndef LS_EXCHANGE_OBSERVER_H
#define LS_EXCHANGE_OBSERVER_H

#include "exchange/engine.h"

/* The request at hand comes straight from this machine (loopback or a Unix socket), or from one of
 * site.observers. Never when it has passed a proxy, as its fields tell, and not from a trusted proxy that observers
 * do not name. (A proxy that adds no field, and is not trusted, cannot be told from a client.) HTTP/1.0 is what
 * proxies speak. What comes over loopback or a Unix socket
 * must be for "localhost" or an address as its host, since a page that was loaded under another
 * name could otherwise read the answer once that name is made to mean 127.0.0.1. */
bool ls_observer_is(const struct ls_engine *e);

#endif
