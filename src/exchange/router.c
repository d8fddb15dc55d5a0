#include "exchange/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/overlap.h"
#include "exchange/tree.h"

enum { HOST_MOST = 255 }; /* bytes of a host's name (RFC 1035 2.3.4) */

struct ls_router {
    struct ls_tree tree;
    struct ls_route *routes;
    size_t count, cap;
    bool hosts; /* some route asks for one */
};

struct ls_router *ls_router_new(void)
{
    struct ls_router *r = calloc(1, sizeof *r);
    if (r && ls_tree_init(&r->tree) < 0)
        ls_router_free(&r);
    return r;
}

static void free_route(struct ls_route *route)
{
    free(route->pattern);
    free(route->where);
    free(route->host);
    for (uint32_t i = 0; i < route->name_count; i++)
        free(route->names[i]);
}

void ls_router_free(struct ls_router **router)
{
    struct ls_router *r = *router;
    *router = NULL;
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        free_route(&r->routes[i]);
    free(r->routes);
    ls_tree_free(&r->tree);
    free(r);
}

/* ---- hosts ---- */

/* The host of "Host[:port]" in lower case, without the point that may end a full name. */
static struct ls_slice plain_host(struct ls_slice host, char out[HOST_MOST])
{
    size_t end = host.len > 0 && host.at[0] == '[' ? ls_slice_find(host, 0, ']') : 0;
    host.len = ls_slice_find(host, end, ':');
    if (host.len > 0 && host.at[host.len - 1] == '.')
        host.len--;
    if (host.len > HOST_MOST)
        host.len = 0;
    for (size_t i = 0; i < host.len; i++)
        out[i] = host.at[i] >= 'A' && host.at[i] <= 'Z' ? (char)(host.at[i] | 0x20) : host.at[i];
    return (struct ls_slice) { out, host.len };
}

bool ls_router_has_hosts(const struct ls_router *r)
{
    return r->hosts;
}

/* "*.example.org" stands for every name that ends in ".example.org"; the longest such one is taken,
 * and the name itself before it. */
int ls_router_host(const struct ls_router *r, struct ls_slice host)
{
    char lower[HOST_MOST + 1];
    if (!r->hosts)
        return LS_TREE_ROOT;
    struct ls_slice rest = plain_host(host, lower + 1);
    int root = ls_tree_find(&r->tree, LS_TREE_HOSTS, rest);
    size_t point;
    while (root == LS_TREE_NONE && (point = ls_slice_find(rest, 1, '.')) < rest.len) {
        rest = ls_slice_from(rest, point);
        lower[rest.at - lower - 1] = '*';
        struct ls_slice wild = { rest.at - 1, rest.len + 1 };
        root = ls_tree_find(&r->tree, LS_TREE_HOSTS, wild);
    }
    return root == LS_TREE_NONE ? LS_TREE_ROOT : root;
}

int ls_router_named(const struct ls_router *r, const char *host)
{
    char lower[HOST_MOST];
    return ls_tree_find(&r->tree, LS_TREE_HOSTS, plain_host(ls_slice_of(host), lower));
}

static int refuse(struct ls_buffer *why, const char *what, const char *text, const char *reason)
{
    ls_buffer_printf(why, "bad %s \"%s\": %s", what, text, reason);
    return -EINVAL;
}

/* The root of the routes of a host, made if it is not there. */
static int root_of(struct ls_router *r, const char *host, struct ls_buffer *why)
{
    char lower[HOST_MOST];
    if (!host)
        return LS_TREE_ROOT;
    bool wild = strncmp(host, "*.", 2) == 0;
    struct ls_slice name = ls_slice_of(host + (wild ? 2 : 0));
    if (name.len == 0 || name.len > HOST_MOST - 2 || !ls_host_valid(name) ||
        memchr(name.at, '*', name.len))
        return refuse(why, "host", host, "a name such as api.example.org or *.example.org");
    if (plain_host(name, lower).len != name.len)
        return refuse(why, "host", host,
                      "it stands without a port, and without a point at its end");
    r->hosts = true;
    return ls_tree_literal(&r->tree, LS_TREE_HOSTS, plain_host(ls_slice_of(host), lower));
}

/* ---- adding ---- */

struct adding {
    struct ls_router *router;
    struct ls_route *route;
    const struct ls_pattern *pattern;
    struct ls_buffer *why;
};

static int clash(const struct adding *a, const struct ls_route *there, const char *how)
{
    ls_methods_text(there->methods & a->route->methods, a->why);
    ls_buffer_printf(a->why, " %s %s %s from %s", a->route->pattern, how, there->pattern,
                     there->where);
    return -EEXIST;
}

/* Of two variants of one route that nobody can tell apart, the first one counts. */
static int add_to_list(const struct adding *a, int *head, const struct ls_tree_leaf *leaf)
{
    const struct ls_tree *t = &a->router->tree;
    if (*head == LS_TREE_NONE || t->leaves[*head].route != leaf->route)
        ls_tree_leaf(&a->router->tree, head, leaf);
    return 0;
}

static int step(struct ls_tree *t, int node, const struct ls_segment *s)
{
    if (s->kind == LS_SEGMENT_LITERAL)
        return ls_tree_literal(t, node, s->text);
    return ls_tree_parameter(t, node, s->kind == LS_SEGMENT_PARAMETER, &s->set);
}

/* Walks one variant to the list of leaves that it names, making what is missing. */
static int place_variant(const struct adding *a, int node, unsigned parts)
{
    struct ls_tree *t = &a->router->tree;
    const struct ls_pattern *p = a->pattern;
    struct ls_tree_leaf leaf = { .route = (int)a->router->count };
    bool root = true;
    if (ls_tree_reserve(t) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct ls_segment *s = &p->segments[i];
        if (!(parts >> s->part & 1))
            continue;
        root = false;
        if (s->kind != LS_SEGMENT_LITERAL)
            leaf.names[leaf.count++] = s->name;
        if (s->kind == LS_SEGMENT_SPLAT)
            return add_to_list(a, &t->nodes[node].splat, &leaf);
        node = step(t, node, s);
        if (node < 0)
            return node;
    }
    return add_to_list(a, &t->nodes[node].ends[root || p->slash], &leaf);
}

static bool meets(void *ctx, int route)
{
    const struct adding *a = ctx;
    return (a->router->routes[route].methods & a->route->methods) != 0;
}

static int place(struct adding *a, int root)
{
    struct ls_overlap o = { &a->router->tree, a->pattern, .meets = meets, .ctx = a };
    unsigned parts;
    for (unsigned i = 0; (o.parts = ls_pattern_variant(a->pattern, i)) != 0; i++) {
        int there = ls_overlap_find(&o, root);
        if (there != LS_TREE_NONE)
            return clash(a, &a->router->routes[there],
                         o.same ? "is there already, as" : "cannot be told apart from");
    }
    int err = 0;
    for (unsigned i = 0; err == 0 && (parts = ls_pattern_variant(a->pattern, i)) != 0; i++)
        err = place_variant(a, root, parts);
    return err;
}

static bool copy_texts(struct ls_route *copy, const struct ls_route *route,
                       const struct ls_pattern *p)
{
    copy->pattern = strdup(route->pattern);
    copy->where = strdup(route->where);
    copy->host = route->host ? strdup(route->host) : NULL;
    bool all = copy->pattern && copy->where && (!route->host || copy->host);
    for (copy->name_count = 0; all && copy->name_count < p->names; copy->name_count++) {
        struct ls_slice name = p->name[copy->name_count];
        copy->names[copy->name_count] = strndup(name.at, name.len);
        all = copy->names[copy->name_count] != NULL;
    }
    return all;
}

static int make_room(struct ls_router *r)
{
    size_t cap = r->cap ? r->cap * 2 : 16;
    if (r->count < r->cap)
        return 0;
    struct ls_route *routes = reallocarray(r->routes, cap, sizeof *routes);
    if (!routes)
        return -ENOMEM;
    r->routes = routes;
    r->cap = cap;
    return 0;
}

static int add(struct ls_router *r, const struct ls_route *route, const struct ls_pattern *p,
               struct ls_buffer *why)
{
    int root = root_of(r, route->host, why);
    if (root < 0)
        return root;
    if (make_room(r) < 0)
        return -ENOMEM;
    struct ls_route *copy = &r->routes[r->count];
    *copy = *route;
    struct adding adding = { r, copy, p, why };
    int err = copy_texts(copy, route, p) ? place(&adding, root) : -ENOMEM;
    if (err < 0)
        free_route(copy);
    else
        r->count++;
    return err;
}

int ls_router_add(struct ls_router *r, const struct ls_route *route, struct ls_buffer *why)
{
    const char *reason;
    struct ls_pattern *p = malloc(sizeof *p);
    char *store = malloc(strlen(route->pattern) + 1);
    int err = p && store ? ls_pattern_parse(route->pattern, store, p, &reason) : -ENOMEM;
    if (err == -EINVAL)
        refuse(why, "pattern", route->pattern, reason);
    if (err == 0)
        err = add(r, route, p, why);
    free(store);
    free(p);
    return err;
}

/* ---- matching ---- */

/* One walk over all patterns that match a path, best first. */
struct walk {
    const struct ls_router *r;
    const struct ls_target *target;
    unsigned methods; /* looked for */
    unsigned skip;
    struct ls_match *match; /* NULL: only the sum of methods is wanted */
    unsigned allowed;
    struct ls_slice captures[LS_ROUTE_CAPTURES];
};

/* What of the path stands behind the first `index` segments, without the "/" before it. */
static struct ls_slice tail(const struct ls_target *target, uint32_t index)
{
    size_t at = 1;
    for (; index > 0 && at <= target->path.len; index--)
        at = ls_slice_find(target->path, at, '/') + 1;
    return at > target->path.len ? LS_SLICE("") : ls_slice_from(target->path, at);
}

static void fill(const struct walk *w, const struct ls_tree_leaf *leaf,
                 const struct ls_route *route, uint32_t index)
{
    struct ls_match *match = w->match;
    match->route = route;
    match->depth = index;
    for (uint32_t i = leaf->count; i < route->name_count; i++)
        match->captures[i] = (struct ls_slice) { NULL, 0 };
    if (leaf->count < route->name_count)
        memset(match->captures, 0, leaf->count * sizeof *match->captures);
    for (uint32_t i = 0; i < leaf->count; i++)
        match->captures[leaf->names[i]] = w->captures[i];
}

static bool found(struct walk *w, int list, uint32_t index)
{
    const struct ls_tree *t = &w->r->tree;
    for (; list != LS_TREE_NONE; list = t->leaves[list].next) {
        const struct ls_route *route = &w->r->routes[t->leaves[list].route];
        w->allowed |= route->files > 0 ? 0 : route->methods;
        if (!w->match || !(route->methods & w->methods) || w->skip-- > 0)
            continue;
        fill(w, &t->leaves[list], route, index);
        return true;
    }
    return false;
}

static bool walk(struct walk *w, int at, uint32_t index, uint32_t captured);

static bool walk_segment(struct walk *w, int at, uint32_t index, uint32_t captured)
{
    const struct ls_tree *t = &w->r->tree;
    struct ls_slice segment = w->target->segments[index];
    int node = ls_tree_find(t, at, segment);
    if (node != LS_TREE_NONE && walk(w, node, index + 1, captured))
        return true;
    if (segment.len == 0 || captured == LS_ROUTE_CAPTURES)
        return false;
    for (int i = t->nodes[at].choices; i != LS_TREE_NONE; i = t->choices[i].next) {
        const struct ls_tree_choice *choice = &t->choices[i];
        w->captures[captured] = segment;
        if ((choice->plain || ls_bytes_cover(&choice->set, segment)) &&
            walk(w, choice->node, index + 1, captured + 1))
            return true;
    }
    return false;
}

static bool walk(struct walk *w, int at, uint32_t index, uint32_t captured)
{
    const struct ls_target *target = w->target;
    const struct ls_tree_node *node = &w->r->tree.nodes[at];
    bool behind = index == target->count;
    if (behind && found(w, node->ends[target->slash || index == 0], index))
        return true;
    if (!behind && walk_segment(w, at, index, captured))
        return true;
    if (node->splat == LS_TREE_NONE || captured == LS_ROUTE_CAPTURES)
        return false;
    if (behind && !target->slash && index > 0)
        return false;
    w->captures[captured] = tail(target, index);
    return found(w, node->splat, index);
}

static bool walk_host(struct walk *w, int host)
{
    return (host != LS_TREE_ROOT && walk(w, host, 0, 0)) || walk(w, LS_TREE_ROOT, 0, 0);
}

bool ls_router_match(const struct ls_router *r, int host, enum ls_method method,
                     const struct ls_target *target, unsigned skip, struct ls_match *match)
{
    struct walk w = { .r = r, .target = target, .skip = skip, .match = match };
    w.methods = 1u << method;
    if (walk_host(&w, host))
        return true;
    if (method != LS_HEAD)
        return false;
    w.methods = 1u << LS_GET; /* those for HEAD used up a part of `skip` */
    return walk_host(&w, host);
}

unsigned ls_router_allowed(const struct ls_router *r, int host, const struct ls_target *target)
{
    struct walk w = { .r = r, .target = target };
    walk_host(&w, host);
    return w.allowed & 1u << LS_GET ? w.allowed | 1u << LS_HEAD : w.allowed;
}

size_t ls_router_count(const struct ls_router *r)
{
    return r->count;
}

const struct ls_route *ls_router_at(const struct ls_router *r, size_t index)
{
    return &r->routes[index];
}

void ls_router_set_handler(struct ls_router *r, size_t index, int handler)
{
    r->routes[index].handler = handler;
}

void ls_router_set_series(struct ls_router *r, size_t index, uint16_t series)
{
    r->routes[index].series = series;
}

void ls_methods_text(unsigned methods, struct ls_buffer *out)
{
    bool first = true;
    for (int m = 0; m < LS_METHODS; m++) {
        if (!(methods & 1u << m))
            continue;
        if (!first)
            ls_buffer_append(out, ", ", 2);
        ls_buffer_slice(out, ls_method_name((enum ls_method)m));
        first = false;
    }
}
