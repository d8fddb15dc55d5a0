/* How a configuration came about, step by step, so that a reload can do it again. */
#ifndef LS_SERVER_RECIPE_H
#define LS_SERVER_RECIPE_H

#include "server/generation.h"

struct ls_recipe {
    struct ls_recipe_step {
        enum ls_recipe_kind {
            LS_RECIPE_FILE, /* name: the path */
            LS_RECIPE_TEXT, /* name, dir (NULL: none), text */
            LS_RECIPE_KEY   /* name: the key; text: its value */
        } kind;
        char *name, *dir, *text; /* NULL: none */
    } * steps;
    size_t count;
};

/* Copies the texts. 0 or -ENOMEM. */
int ls_recipe_add(struct ls_recipe *r, const struct ls_recipe_step *step);
void ls_recipe_free(struct ls_recipe *r);

/* 0, or -1 with *error, which then says why. */
int ls_recipe_follow(const struct ls_recipe *r, struct ls_generation *g,
                     struct luaserve_error *error);

/* One of them. */
int ls_recipe_take(const struct ls_recipe_step *step, struct ls_generation *g,
                   struct luaserve_error *error);

#endif
