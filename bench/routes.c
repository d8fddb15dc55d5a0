/* Nanoseconds that a lookup costs with 10, 100, 1000 and 10,000 routes: literals, parameters and classes
 * three segments deep, with the path that is found last among those asked for. One path is asked for again
 * and again (the tree's own cost), then paths of all routes in turn (which also shows the caches). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exchange/router.h"

enum { ROUNDS = 50, LOOKUPS = 20000, TEXT = 64 };

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct ls_router *make_router(int count)
{
    static const char *const forms[] = { "/part%d/:id[%%d]/item%d", "/part%d/list/item%d",
                                         "/part%d/:name/item%d" };
    struct ls_router *r = ls_router_new();
    struct ls_buffer why = { 0 };
    for (int i = 0; i < count; i++) {
        char pattern[TEXT];
        snprintf(pattern, sizeof pattern, forms[i % 3], i % 50, i);
        struct ls_route route = { .methods = 1u << LS_GET,
                                  .pattern = pattern,
                                  .where = (char *)"" };
        if (ls_router_add(r, &route, &why) < 0)
            abort();
    }
    return r;
}

struct asked {
    struct ls_target target;
    char store[4 * TEXT + 4];
};

static struct asked *make_targets(int count)
{
    static const char *const forms[] = { "/part%d/123/item%d", "/part%d/list/item%d",
                                         "/part%d/x1/item%d" };
    struct asked *all = calloc((size_t)count, sizeof *all);
    for (int i = 0; all && i < count; i++) {
        char path[TEXT];
        snprintf(path, sizeof path, forms[i % 3], i % 50, i);
        if (ls_target_parse(LS_GET, ls_slice_of(path), all[i].store, &all[i].target) < 0)
            abort();
    }
    return all;
}

/* Of `among` targets in turn, from the last one on. */
static double measure(const struct ls_router *r, const struct asked *all, int count, int among)
{
    double least = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        struct ls_match match;
        uint64_t began = now_ns();
        for (int i = 0; i < LOOKUPS; i++)
            if (!ls_router_match(r, 0, LS_GET, &all[count - 1 - i % among].target, 0, &match))
                abort();
        double ns = (double)(now_ns() - began) / LOOKUPS;
        least = ns < least ? ns : least;
    }
    return least;
}

int main(void)
{
    printf("%8s  %12s  %12s\n", "routes", "one path", "all in turn");
    for (int count = 10; count <= 10000; count *= 10) {
        struct ls_router *r = make_router(count);
        struct asked *all = make_targets(count);
        printf("%8d  %9.0f ns  %9.0f ns\n", count, measure(r, all, count, 1),
               measure(r, all, count, count));
        free(all);
        ls_router_free(&r);
    }
    return 0;
}
