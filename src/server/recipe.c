#include "server/recipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ls_recipe_add(struct ls_recipe *r, const char *key, const char *text)
{
    struct ls_recipe_step *steps = realloc(r->steps, (r->count + 1) * sizeof *steps);
    if (!steps)
        return -ENOMEM;
    r->steps = steps;
    struct ls_recipe_step step = { key ? strdup(key) : NULL, strdup(text) };
    if ((key && !step.key) || !step.text) {
        free(step.key);
        free(step.text);
        return -ENOMEM;
    }
    r->steps[r->count++] = step;
    return 0;
}

void ls_recipe_free(struct ls_recipe *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->steps[i].key);
        free(r->steps[i].text);
    }
    free(r->steps);
    *r = (struct ls_recipe) { NULL, 0 };
}

int ls_recipe_follow(const struct ls_recipe *r, struct ls_generation *g,
                     struct luaserve_error *error)
{
    int err = 0;
    for (size_t i = 0; i < r->count && err == 0; i++) {
        const struct ls_recipe_step *step = &r->steps[i];
        err = step->key ? ls_generation_set(g, step->key, step->text, error)
                        : ls_generation_file(g, step->text, error);
    }
    return err;
}
