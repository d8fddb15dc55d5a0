/* Which handler answers a path: a tree over decoded segments, built once before the first client.
 *
 * Patterns begin with "/". A segment is literal, ":name" (one non-empty segment) or, last,
 * "*name" (the rest of the path, "/" included, perhaps empty). Where several patterns match, the
 * first difference from the left decides: literal before parameter before splat. */
#ifndef LS_EXCHANGE_ROUTER_H
#define LS_EXCHANGE_ROUTER_H

#include "base/buffer.h"
#include "exchange/limits.h"
#include "http/uri.h"

enum { LS_ROUTE_CAPTURES = 16 };

struct ls_router;

struct ls_route {
    unsigned methods;      /* bit 1 << enum ls_method */
    int handler;           /* meaning is the caller's */
    struct ls_limits own;  /* limits */
    char *pattern, *where; /* "scripts/a.lua:3" */
    uint32_t name_count;
    char *names[LS_ROUTE_CAPTURES];
};

struct ls_match {
    const struct ls_route *route;
    struct ls_slice captures[LS_ROUTE_CAPTURES]; /* values of route->names */
};

struct ls_router *ls_router_new(void); /* NULL: no memory */
void ls_router_free(struct ls_router **r);

/* Copies the texts of `route`. 0; -ENOMEM; -EINVAL (bad pattern) or -EEXIST (one of its methods
 * is taken at this very pattern), both with a sentence in `why`. */
int ls_router_add(struct ls_router *r, const struct ls_route *route, struct ls_buffer *why);

/* The match number `skip` (0: the best) for this method; HEAD is also served by routes for GET,
 * after those for HEAD. False: there is none. */
bool ls_router_match(const struct ls_router *r, enum ls_method method,
                     const struct ls_target *target, unsigned skip, struct ls_match *match);

/* Methods of all routes that match this path (HEAD where GET is), 0 if none does. */
unsigned ls_router_allowed(const struct ls_router *r, const struct ls_target *target);

size_t ls_router_count(const struct ls_router *r);
const struct ls_route *ls_router_at(const struct ls_router *r, size_t index); /* as added */

/* "GET, HEAD, OPTIONS": the names of these methods, as Allow lists them. */
void ls_methods_text(unsigned methods, struct ls_buffer *out);

#endif
