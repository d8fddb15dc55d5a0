#include "exchange/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Nodes and edges live in two arrays and name each other by index. An edge is found by hashing
 * (node, segment), so that a lookup costs the same however many routes there are. */
enum { ROOT = 0, NONE = -1 };

struct node {
    int parameter, splat; /* the node behind ":name"; the route list behind "*name" */
    int ends[2];          /* route lists: [0] path ends here, [1] with a "/" behind */
};

struct edge { /* empty: node == NONE */
    int from, node;
    char *segment;
    size_t len;
};

struct listed { /* routes with the same pattern, in a list */
    struct ls_route route;
    int next;
};

struct ls_router {
    struct node *nodes;
    struct listed *routes;
    struct edge *edges; /* open addressing; edge_cap is a power of two, at most half full */
    size_t node_count, node_cap, route_count, route_cap, edge_count, edge_cap;
};

static uint64_t hash(int from, struct ls_slice segment)
{
    uint64_t sum = 14695981039346656037u ^ (uint64_t)from; /* FNV-1a */
    for (size_t i = 0; i < segment.len; i++)
        sum = (sum ^ (unsigned char)segment.at[i]) * 1099511628211u;
    return sum ^ sum >> 32;
}

static struct edge *edge_at(const struct ls_router *r, int from, struct ls_slice segment)
{
    size_t i = hash(from, segment) & (r->edge_cap - 1);
    for (;; i = (i + 1) & (r->edge_cap - 1)) {
        struct edge *e = &r->edges[i];
        if (e->node == NONE || (e->from == from && e->len == segment.len &&
                                memcmp(e->segment, segment.at, segment.len) == 0))
            return e;
    }
}

static bool grow_array(void **array, size_t *cap, size_t count, size_t size)
{
    if (count < *cap)
        return true;
    size_t bigger = *cap ? *cap * 2 : 16;
    void *grown = reallocarray(*array, bigger, size);
    if (!grown)
        return false;
    *array = grown;
    *cap = bigger;
    return true;
}

static int new_node(struct ls_router *r)
{
    if (!grow_array((void **)&r->nodes, &r->node_cap, r->node_count, sizeof *r->nodes))
        return -ENOMEM;
    r->nodes[r->node_count] = (struct node) { NONE, NONE, { NONE, NONE } };
    return (int)r->node_count++;
}

static int grow_edges(struct ls_router *r)
{
    struct edge *old = r->edges;
    size_t old_cap = r->edge_cap, cap = old_cap ? old_cap * 2 : 64;
    if (r->edge_count < old_cap / 2)
        return 0;
    struct edge *edges = calloc(cap, sizeof *edges);
    if (!edges)
        return -ENOMEM;
    for (size_t i = 0; i < cap; i++)
        edges[i].node = NONE;
    r->edges = edges;
    r->edge_cap = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].node != NONE)
            *edge_at(r, old[i].from, (struct ls_slice) { old[i].segment, old[i].len }) = old[i];
    free(old);
    return 0;
}

static int literal_child(struct ls_router *r, int from, struct ls_slice segment)
{
    if (grow_edges(r) < 0)
        return -ENOMEM;
    struct edge *e = edge_at(r, from, segment);
    if (e->node != NONE)
        return e->node;
    char *copy = malloc(segment.len + 1);
    int node = copy ? new_node(r) : -ENOMEM;
    if (node < 0) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, segment.at, segment.len);
    *e = (struct edge) { from, node, copy, segment.len };
    r->edge_count++;
    return node;
}

static int parameter_child(struct ls_router *r, int from)
{
    if (r->nodes[from].parameter == NONE) {
        int node = new_node(r);
        if (node < 0)
            return node;
        r->nodes[from].parameter = node;
    }
    return r->nodes[from].parameter;
}

struct ls_router *ls_router_new(void)
{
    struct ls_router *r = calloc(1, sizeof *r);
    if (r && (grow_edges(r) < 0 || new_node(r) < 0))
        ls_router_free(&r);
    return r;
}

static void free_route(struct ls_route *route)
{
    free(route->pattern);
    free(route->where);
    for (uint32_t i = 0; i < route->name_count; i++)
        free(route->names[i]);
}

void ls_router_free(struct ls_router **router)
{
    struct ls_router *r = *router;
    *router = NULL;
    if (!r)
        return;
    for (size_t i = 0; i < r->route_count; i++)
        free_route(&r->routes[i].route);
    for (size_t i = 0; i < r->edge_cap; i++)
        if (r->edges[i].node != NONE)
            free(r->edges[i].segment);
    free(r->nodes);
    free(r->routes);
    free(r->edges);
    free(r);
}

static int refuse(struct ls_buffer *why, const char *pattern, const char *reason)
{
    ls_buffer_printf(why, "bad pattern \"%s\": %s", pattern, reason);
    return -EINVAL;
}

static bool is_name(struct ls_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

static int add_name(struct ls_route *route, struct ls_slice name, const char *pattern,
                    struct ls_buffer *why)
{
    if (!is_name(name))
        return refuse(why, pattern, "a parameter's name is letters, digits and \"_\"");
    if (route->name_count == LS_ROUTE_CAPTURES)
        return refuse(why, pattern, "more than 16 parameters");
    for (uint32_t i = 0; i < route->name_count; i++)
        if (ls_slice_equal(name, ls_slice_of(route->names[i])))
            return refuse(why, pattern, "the same parameter twice");
    char *copy = strndup(name.at, name.len);
    if (!copy)
        return -ENOMEM;
    route->names[route->name_count++] = copy;
    return 0;
}

/* Adds to the list at *head, which all routes of this pattern share, unless a method is taken. */
static int add_to_list(struct ls_router *r, int *head, struct ls_route *route,
                       struct ls_buffer *why)
{
    for (int i = *head; i != NONE; i = r->routes[i].next) {
        const struct ls_route *there = &r->routes[i].route;
        if (!(there->methods & route->methods))
            continue;
        ls_methods_text(there->methods & route->methods, why);
        ls_buffer_printf(why, " %s is there already, as %s from %s", route->pattern, there->pattern,
                         there->where);
        return -EEXIST;
    }
    r->routes[r->route_count] = (struct listed) { *route, *head };
    *head = (int)r->route_count++;
    return 0;
}

/* Walks the pattern to the list of routes that it names, making what is missing. */
static int place(struct ls_router *r, struct ls_route *route, const char *pattern,
                 struct ls_buffer *why)
{
    struct ls_slice rest = ls_slice_from(ls_slice_of(pattern), 1);
    int node = ROOT, err;
    while (rest.len > 0) {
        size_t end = ls_slice_find(rest, 0, '/');
        struct ls_slice segment = { rest.at, end };
        bool last = end == rest.len;
        if (segment.len == 0)
            return refuse(why, pattern, "an empty segment");
        if (memchr(segment.at, '(', segment.len) || memchr(segment.at, '[', segment.len))
            return refuse(why, pattern, "optional parts and classes are not supported");
        if (segment.at[0] == '*') {
            if (!last)
                return refuse(why, pattern, "nothing can follow a splat");
            err = add_name(route, ls_slice_from(segment, 1), pattern, why);
            return err < 0 ? err : add_to_list(r, &r->nodes[node].splat, route, why);
        }
        if (segment.at[0] == ':') {
            err = add_name(route, ls_slice_from(segment, 1), pattern, why);
            node = err < 0 ? err : parameter_child(r, node);
        } else {
            node = literal_child(r, node, segment);
        }
        if (node < 0)
            return node;
        if (last)
            return add_to_list(r, &r->nodes[node].ends[0], route, why);
        rest = ls_slice_from(rest, end + 1);
    }
    return add_to_list(r, &r->nodes[node].ends[1], route, why);
}

int ls_router_add(struct ls_router *r, const struct ls_route *route, struct ls_buffer *why)
{
    if (route->pattern[0] != '/')
        return refuse(why, route->pattern, "it has to begin with \"/\"");
    if (!grow_array((void **)&r->routes, &r->route_cap, r->route_count, sizeof *r->routes))
        return -ENOMEM;
    struct ls_route copy = { .methods = route->methods,
                             .handler = route->handler,
                             .own = route->own,
                             .pattern = strdup(route->pattern),
                             .where = strdup(route->where) };
    int err = copy.pattern && copy.where ? place(r, &copy, route->pattern, why) : -ENOMEM;
    if (err < 0)
        free_route(&copy);
    return err;
}

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

static bool found(struct walk *w, int list)
{
    for (; list != NONE; list = w->r->routes[list].next) {
        const struct ls_route *route = &w->r->routes[list].route;
        w->allowed |= route->methods;
        if (!w->match || !(route->methods & w->methods) || w->skip-- > 0)
            continue;
        w->match->route = route;
        memcpy(w->match->captures, w->captures, sizeof w->captures);
        return true;
    }
    return false;
}

static bool walk(struct walk *w, int at, uint32_t index, uint32_t captured)
{
    const struct ls_target *target = w->target;
    const struct node *node = &w->r->nodes[at];
    bool behind = index == target->count;
    if (behind && found(w, node->ends[target->slash || index == 0]))
        return true;
    if (!behind) {
        struct ls_slice segment = target->segments[index];
        const struct edge *e = edge_at(w->r, at, segment);
        if (e->node != NONE && walk(w, e->node, index + 1, captured))
            return true;
        if (node->parameter != NONE && segment.len > 0 && captured < LS_ROUTE_CAPTURES) {
            w->captures[captured] = segment;
            if (walk(w, node->parameter, index + 1, captured + 1))
                return true;
        }
    }
    if (node->splat == NONE || captured == LS_ROUTE_CAPTURES)
        return false;
    if (behind && !target->slash && index > 0)
        return false;
    w->captures[captured] = tail(target, index);
    return found(w, node->splat);
}

bool ls_router_match(const struct ls_router *r, enum ls_method method,
                     const struct ls_target *target, unsigned skip, struct ls_match *match)
{
    struct walk w = { .r = r, .target = target, .skip = skip, .match = match };
    w.methods = 1u << method;
    if (walk(&w, ROOT, 0, 0))
        return true;
    if (method != LS_HEAD)
        return false;
    w.methods = 1u << LS_GET; /* those for HEAD used up a part of `skip` */
    return walk(&w, ROOT, 0, 0);
}

unsigned ls_router_allowed(const struct ls_router *r, const struct ls_target *target)
{
    struct walk w = { .r = r, .target = target };
    walk(&w, ROOT, 0, 0);
    return w.allowed & 1u << LS_GET ? w.allowed | 1u << LS_HEAD : w.allowed;
}

size_t ls_router_count(const struct ls_router *r)
{
    return r->route_count;
}

const struct ls_route *ls_router_at(const struct ls_router *r, size_t index)
{
    return &r->routes[index].route;
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
