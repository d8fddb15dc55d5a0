#include "exchange/overlap.h"

#include <string.h>

/* One way through the pattern and the tree at once. Up to where they differ only the choices of the
 * pattern's own rank are looked at, since another rank decides; behind it, all that could match. */
static int search(struct ls_overlap *o, int at, uint32_t index, bool differs);

static int among(struct ls_overlap *o, int list, bool differs)
{
    o->same = !differs;
    for (; list != LS_TREE_NONE; list = o->tree->leaves[list].next)
        if (o->meets(o->ctx, o->tree->leaves[list].route))
            return o->tree->leaves[list].route;
    return LS_TREE_NONE;
}

/* Does the segment of the pattern match some text that the literal, or the set, matches? */
static bool meets_literal(const struct ls_segment *s, struct ls_slice text)
{
    if (s->kind == LS_SEGMENT_LITERAL)
        return ls_slice_equal(s->text, text);
    return s->kind != LS_SEGMENT_CLASS || ls_bytes_cover(&s->set, text);
}

static bool meets_choice(const struct ls_segment *s, const struct ls_tree_choice *c)
{
    if (s->kind == LS_SEGMENT_LITERAL)
        return c->plain || ls_bytes_cover(&c->set, s->text);
    return c->plain || s->kind != LS_SEGMENT_CLASS || ls_bytes_meet(&s->set, &c->set);
}

static int through_literals(struct ls_overlap *o, int at, uint32_t index)
{
    const struct ls_tree *t = o->tree;
    const struct ls_segment *s = &o->pattern->segments[index];
    int found = LS_TREE_NONE;
    for (size_t i = 0; i < t->edge_cap && found == LS_TREE_NONE; i++) {
        const struct ls_tree_edge *e = &t->edges[i];
        if (e->node != LS_TREE_NONE && e->from == at &&
            meets_literal(s, (struct ls_slice) { e->segment, e->len }))
            found = search(o, e->node, index + 1, true);
    }
    return found;
}

static int through_choices(struct ls_overlap *o, int at, uint32_t index, bool differs)
{
    const struct ls_tree *t = o->tree;
    const struct ls_segment *s = &o->pattern->segments[index];
    bool plain = s->kind == LS_SEGMENT_PARAMETER;
    int found = LS_TREE_NONE;
    for (int i = t->nodes[at].choices; i != LS_TREE_NONE && found == LS_TREE_NONE;
         i = t->choices[i].next) {
        const struct ls_tree_choice *c = &t->choices[i];
        if ((!differs && c->plain != plain) || !meets_choice(s, c))
            continue;
        bool other = !plain && memcmp(&c->set, &s->set, sizeof s->set) != 0;
        found = search(o, c->node, index + 1, differs || other);
    }
    return found;
}

static int at_end(struct ls_overlap *o, int at, bool differs)
{
    const struct ls_tree_node *node = &o->tree->nodes[at];
    bool slash = o->pattern->slash || at == o->root;
    int found = among(o, node->ends[slash], differs);
    return found == LS_TREE_NONE && differs && slash ? among(o, node->splat, true) : found;
}

/* Whatever stands behind a node: what a splat there would match. `inside`: of the node too, without a "/"
 * behind. */
static int behind(struct ls_overlap *o, int at, bool inside)
{
    const struct ls_tree *t = o->tree;
    int found = inside ? among(o, t->nodes[at].ends[0], true) : LS_TREE_NONE;
    if (found == LS_TREE_NONE)
        found = among(o, t->nodes[at].ends[1], true);
    if (found == LS_TREE_NONE)
        found = among(o, t->nodes[at].splat, true);
    for (int i = t->nodes[at].choices; i != LS_TREE_NONE && found == LS_TREE_NONE;
         i = t->choices[i].next)
        found = behind(o, t->choices[i].node, true);
    for (size_t i = 0; i < t->edge_cap && found == LS_TREE_NONE; i++)
        if (t->edges[i].node != LS_TREE_NONE && t->edges[i].from == at)
            found = behind(o, t->edges[i].node, true);
    return found;
}

static int search(struct ls_overlap *o, int at, uint32_t index, bool differs)
{
    const struct ls_pattern *p = o->pattern;
    while (index < p->count && !(o->parts >> p->segments[index].part & 1))
        index++;
    if (index == p->count)
        return at_end(o, at, differs);
    const struct ls_segment *s = &p->segments[index];
    int splat = o->tree->nodes[at].splat, found = LS_TREE_NONE;
    if (s->kind == LS_SEGMENT_SPLAT)
        return differs ? behind(o, at, false) : among(o, splat, false);
    if (differs && (found = among(o, splat, true)) != LS_TREE_NONE)
        return found;
    if (s->kind == LS_SEGMENT_LITERAL && !differs) {
        int node = ls_tree_find(o->tree, at, s->text);
        return node == LS_TREE_NONE ? LS_TREE_NONE : search(o, node, index + 1, false);
    }
    found = through_choices(o, at, index, differs);
    return found == LS_TREE_NONE && differs ? through_literals(o, at, index) : found;
}

int ls_overlap_find(struct ls_overlap *o, int root)
{
    o->root = root;
    return search(o, root, 0, false);
}
