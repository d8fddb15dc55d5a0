#include "server/recipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool copy(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return !text || *to;
}

static void free_step(struct ls_recipe_step *step)
{
    free(step->name);
    free(step->dir);
    free(step->text);
}

int ls_recipe_add(struct ls_recipe *r, const struct ls_recipe_step *step)
{
    struct ls_recipe_step *steps = realloc(r->steps, (r->count + 1) * sizeof *steps);
    if (!steps)
        return -ENOMEM;
    r->steps = steps;
    struct ls_recipe_step kept = { .kind = step->kind };
    if (!copy(&kept.name, step->name) || !copy(&kept.dir, step->dir) ||
        !copy(&kept.text, step->text)) {
        free_step(&kept);
        return -ENOMEM;
    }
    r->steps[r->count++] = kept;
    return 0;
}

void ls_recipe_free(struct ls_recipe *r)
{
    for (size_t i = 0; i < r->count; i++)
        free_step(&r->steps[i]);
    free(r->steps);
    *r = (struct ls_recipe) { NULL, 0 };
}

int ls_recipe_take(const struct ls_recipe_step *step, struct ls_generation *g,
                   struct luaserve_error *error)
{
    const struct ls_config_text text = { step->name, step->dir, step->text };
    switch (step->kind) {
    case LS_RECIPE_FILE:
        return ls_generation_file(g, step->name, error);
    case LS_RECIPE_TEXT:
        return ls_generation_text(g, &text, error);
    case LS_RECIPE_KEY:
    default:
        return ls_generation_set(g, step->name, step->text, error);
    }
}

int ls_recipe_follow(const struct ls_recipe *r, struct ls_generation *g,
                     struct luaserve_error *error)
{
    int err = 0;
    for (size_t i = 0; i < r->count && err == 0; i++)
        err = ls_recipe_take(&r->steps[i], g, error);
    return err;
}
