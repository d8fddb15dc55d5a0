/* How a configuration came about, step by step, so that a reload can do it again. */
#ifndef LS_SERVER_RECIPE_H
#define LS_SERVER_RECIPE_H

#include "server/generation.h"

struct ls_recipe {
    struct ls_recipe_step {
        char *key, *text; /* one key and its value; key NULL: the path of a config file */
    } * steps;
    size_t count;
};

int ls_recipe_add(struct ls_recipe *r, const char *key, const char *text); /* 0 or -ENOMEM */
void ls_recipe_free(struct ls_recipe *r);

/* 0, or -1 with *error, which then says why. */
int ls_recipe_follow(const struct ls_recipe *r, struct ls_generation *g,
                     struct luaserve_error *error);

#endif
