/* Whether a new route could not be told apart from one that is there: both match some path, and where
 * they first differ neither goes before the other. */
#ifndef LS_EXCHANGE_OVERLAP_H
#define LS_EXCHANGE_OVERLAP_H

#include "exchange/tree.h"

struct ls_overlap {
    const struct ls_tree *tree;
    const struct ls_pattern *pattern;
    unsigned parts;                      /* which variant of it: see ls_pattern_variant */
    bool (*meets)(void *ctx, int route); /* have they a method in common? */
    void *ctx;
    int root;  /* private */
    bool same; /* found: it has the very same pattern, but for the names */
};

/* The number of such a route beneath the root of a host, or LS_TREE_NONE. */
int ls_overlap_find(struct ls_overlap *o, int root);

#endif
