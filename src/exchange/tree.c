#include "exchange/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(int from, struct ls_slice segment)
{
    uint64_t sum = 14695981039346656037u ^ (uint64_t)from; /* FNV-1a */
    for (size_t i = 0; i < segment.len; i++)
        sum = (sum ^ (unsigned char)segment.at[i]) * 1099511628211u;
    return sum ^ sum >> 32;
}

static struct ls_tree_edge *edge_at(const struct ls_tree *t, int from, struct ls_slice segment)
{
    size_t i = hash(from, segment) & (t->edge_cap - 1);
    for (;; i = (i + 1) & (t->edge_cap - 1)) {
        struct ls_tree_edge *e = &t->edges[i];
        struct ls_slice other = { e->segment, e->len };
        if (e->node == LS_TREE_NONE || (e->from == from && ls_slice_equal(other, segment)))
            return e;
    }
}

int ls_tree_find(const struct ls_tree *t, int from, struct ls_slice segment)
{
    return edge_at(t, from, segment)->node;
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

static int new_node(struct ls_tree *t)
{
    if (!grow_array((void **)&t->nodes, &t->node_cap, t->node_count, sizeof *t->nodes))
        return -ENOMEM;
    t->nodes[t->node_count] =
        (struct ls_tree_node) { LS_TREE_NONE, LS_TREE_NONE, { LS_TREE_NONE, LS_TREE_NONE } };
    return (int)t->node_count++;
}

static int grow_edges(struct ls_tree *t)
{
    struct ls_tree_edge *old = t->edges;
    size_t old_cap = t->edge_cap, cap = old_cap ? old_cap * 2 : 64;
    if (t->edge_count < old_cap / 2)
        return 0;
    struct ls_tree_edge *edges = calloc(cap, sizeof *edges);
    if (!edges)
        return -ENOMEM;
    for (size_t i = 0; i < cap; i++)
        edges[i].node = LS_TREE_NONE;
    t->edges = edges;
    t->edge_cap = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].node != LS_TREE_NONE)
            *edge_at(t, old[i].from, (struct ls_slice) { old[i].segment, old[i].len }) = old[i];
    free(old);
    return 0;
}

int ls_tree_literal(struct ls_tree *t, int from, struct ls_slice segment)
{
    if (grow_edges(t) < 0)
        return -ENOMEM;
    struct ls_tree_edge *e = edge_at(t, from, segment);
    if (e->node != LS_TREE_NONE)
        return e->node;
    char *copy = malloc(segment.len + 1);
    int node = copy ? new_node(t) : -ENOMEM;
    if (node < 0) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, segment.at, segment.len);
    *e = (struct ls_tree_edge) { from, node, copy, segment.len };
    t->edge_count++;
    return node;
}

static bool same(const struct ls_tree_choice *c, bool plain, const struct ls_bytes *set)
{
    return c->plain == plain && memcmp(&c->set, set, sizeof *set) == 0;
}

static int *next_choice(struct ls_tree *t, int from, int before)
{
    return before == LS_TREE_NONE ? &t->nodes[from].choices : &t->choices[before].next;
}

int ls_tree_parameter(struct ls_tree *t, int from, bool plain, const struct ls_bytes *set)
{
    int before = LS_TREE_NONE, at = t->nodes[from].choices;
    for (; at != LS_TREE_NONE && t->choices[at].plain <= plain; at = t->choices[at].next) {
        if (same(&t->choices[at], plain, set))
            return t->choices[at].node;
        before = at;
    }
    if (!grow_array((void **)&t->choices, &t->choice_cap, t->choice_count, sizeof *t->choices))
        return -ENOMEM;
    int node = new_node(t);
    if (node < 0)
        return node;
    t->choices[t->choice_count] = (struct ls_tree_choice) { plain, *set, node, at };
    *next_choice(t, from, before) = (int)t->choice_count++;
    return node;
}

int ls_tree_reserve(struct ls_tree *t)
{
    bool room = grow_array((void **)&t->leaves, &t->leaf_cap, t->leaf_count, sizeof *t->leaves);
    return room ? 0 : -ENOMEM;
}

void ls_tree_leaf(struct ls_tree *t, int *list, const struct ls_tree_leaf *leaf)
{
    t->leaves[t->leaf_count] = *leaf;
    t->leaves[t->leaf_count].next = *list;
    *list = (int)t->leaf_count++;
}

int ls_tree_init(struct ls_tree *t)
{
    *t = (struct ls_tree) { .nodes = NULL };
    return grow_edges(t) < 0 || new_node(t) < 0 ? -ENOMEM : 0;
}

void ls_tree_free(struct ls_tree *t)
{
    for (size_t i = 0; i < t->edge_cap; i++)
        if (t->edges[i].node != LS_TREE_NONE)
            free(t->edges[i].segment);
    free(t->nodes);
    free(t->choices);
    free(t->leaves);
    free(t->edges);
    *t = (struct ls_tree) { .nodes = NULL };
}
