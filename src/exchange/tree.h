/* The tree behind the router: a node for each beginning of a path that some pattern has. Nodes, choices
 * and leaves live in arrays and name each other by index; an edge with a literal segment is found by
 * hashing (node, segment). */
#ifndef LS_EXCHANGE_TREE_H
#define LS_EXCHANGE_TREE_H

#include "exchange/pattern.h"

enum {
    LS_TREE_ROOT = 0,
    LS_TREE_NONE = -1,
    LS_TREE_HOSTS = -2 /* from here edges lead to hosts' roots */
};

struct ls_tree_node {
    int choices; /* parameters, those with a class first */
    int splat;   /* leaves behind "*name" */
    int ends[2]; /* leaves: [0] the path ends here, [1] with a "/" behind */
};

struct ls_tree_choice { /* a parameter */
    bool plain;         /* any segment, and after those that are not */
    struct ls_bytes set;
    int node, next;
};

struct ls_tree_leaf { /* a variant of a route */
    int route;
    uint32_t count;                  /* captures on the way */
    uint8_t names[LS_PATTERN_NAMES]; /* … and which of the route's names each is */
    int next;
};

struct ls_tree_edge { /* free: node == LS_TREE_NONE */
    int from, node;
    char *segment;
    size_t len;
};

struct ls_tree {
    struct ls_tree_node *nodes;
    struct ls_tree_choice *choices;
    struct ls_tree_leaf *leaves;
    struct ls_tree_edge *edges; /* open addressing; edge_cap is a power of two, at most half full */
    size_t node_count, node_cap, choice_count, choice_cap, leaf_count, leaf_cap, edge_count,
        edge_cap;
};

int ls_tree_init(struct ls_tree *t); /* with its root. 0 or -ENOMEM */
void ls_tree_free(struct ls_tree *t);

/* The node behind a literal segment, or LS_TREE_NONE. */
int ls_tree_find(const struct ls_tree *t, int from, struct ls_slice segment);

/* The node behind a literal segment, or behind a parameter: made if it is not there. -ENOMEM. */
int ls_tree_literal(struct ls_tree *t, int from, struct ls_slice segment);
int ls_tree_parameter(struct ls_tree *t, int from, bool plain, const struct ls_bytes *set);

/* Room for one leaf more, so that the next ls_tree_leaf does not fail. 0 or -ENOMEM. */
int ls_tree_reserve(struct ls_tree *t);
void ls_tree_leaf(struct ls_tree *t, int *list, const struct ls_tree_leaf *leaf);

#endif
