/* Which handler answers a path: a tree over decoded segments, built once before the first client. A
 * lookup costs the same however many routes there are.
 *
 * Where several patterns (pattern.h) match, the first difference from the left decides: literal before
 * optional or classed parameter before parameter before splat. The routes of a host go before those of
 * all hosts. */
#ifndef LS_EXCHANGE_ROUTER_H
#define LS_EXCHANGE_ROUTER_H

#include "base/buffer.h"
#include "exchange/limits.h"
#include "exchange/pattern.h"

enum { LS_ROUTE_CAPTURES = LS_PATTERN_NAMES };

struct ls_router;

struct ls_route {
    unsigned methods; /* bit 1 << enum ls_method */
    int handler;      /* meaning is the caller's */
    uint16_t series;  /* the same: see ls_router_set_series */
    int files;        /* > 0: not a handler answers but files, those of this number; the caller's */
    struct ls_limits own;  /* limits */
    char *pattern, *where; /* "scripts/a.lua:3" */
    char *host;            /* "api.example.org", "*.example.org"; NULL: every one */
    uint32_t name_count;
    char *names[LS_ROUTE_CAPTURES];
};

struct ls_match {
    const struct ls_route *route;
    uint32_t depth; /* segments of the path before what a splat has taken */
    struct ls_slice captures[LS_ROUTE_CAPTURES]; /* values of route->names; at == NULL: the optional
                                                    part is missing */
};

struct ls_router *ls_router_new(void); /* NULL: no memory */
void ls_router_free(struct ls_router **r);

/* Copies the texts of `route`. 0; -ENOMEM; -EINVAL (bad pattern or host) or -EEXIST (a path could be
 * meant for this route and for one that is there, with neither before the other), both with a sentence
 * in `why`. */
int ls_router_add(struct ls_router *r, const struct ls_route *route, struct ls_buffer *why);

bool ls_router_has_hosts(const struct ls_router *r); /* does some route ask for one? */

/* A number that stands for the host that a request names (host[:port], in any case) in what follows:
 * 0 where no route asks for it. */
int ls_router_host(const struct ls_router *r, struct ls_slice host);

/* The number of the very host that a route has as its own ("*.example.org"); -1: none has. */
int ls_router_named(const struct ls_router *r, const char *host);

/* The match number `skip` (0: the best) for this method; HEAD is also served by routes for GET,
 * after those for HEAD. False: there is none. */
bool ls_router_match(const struct ls_router *r, int host, enum ls_method method,
                     const struct ls_target *target, unsigned skip, struct ls_match *match);

/* Methods of all routes that match this path (HEAD where GET is), 0 if none does. Those of files do not
 * count: whether they answer is known only when they are looked for. */
unsigned ls_router_allowed(const struct ls_router *r, int host, const struct ls_target *target);

size_t ls_router_count(const struct ls_router *r);
const struct ls_route *ls_router_at(const struct ls_router *r, size_t index); /* as added */
void ls_router_set_handler(struct ls_router *r, size_t index, int handler);
void ls_router_set_series(struct ls_router *r, size_t index, uint16_t series);

/* "GET, HEAD, OPTIONS": the names of these methods, as Allow lists them. */
void ls_methods_text(unsigned methods, struct ls_buffer *out);

#endif
