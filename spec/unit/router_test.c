#include "unit.h"

#include <errno.h>

#include "exchange/router.h"

static struct ls_router *router;
static char store[4096];

static int add(const char *methods, const char *pattern, int handler)
{
    struct ls_buffer why = { 0 };
    struct ls_route route = { .handler = handler,
                              .pattern = (char *)pattern,
                              .where = (char *)"a.lua:1" };
    struct ls_slice rest = ls_slice_of(methods);
    while (rest.len > 0) {
        size_t end = ls_slice_find(rest, 0, ' ');
        route.methods |= 1u << ls_method_of((struct ls_slice) { rest.at, end });
        rest = ls_slice_from(rest, end < rest.len ? end + 1 : end);
    }
    int err = ls_router_add(router, &route, &why);
    CHECK(err == 0 || err == -ENOMEM || why.len > 0);
    ls_buffer_free(&why);
    return err;
}

static bool find(enum ls_method method, const char *path, unsigned skip, struct ls_match *match)
{
    struct ls_target target;
    CHECK_INT(ls_target_parse(LS_GET, ls_slice_of(path), store, &target), 0);
    return ls_router_match(router, method, &target, skip, match);
}

static int handler_of(enum ls_method method, const char *path, unsigned skip)
{
    struct ls_match match;
    return find(method, path, skip, &match) ? match.route->handler : -1;
}

static unsigned allowed(const char *path)
{
    struct ls_target target;
    CHECK_INT(ls_target_parse(LS_GET, ls_slice_of(path), store, &target), 0);
    return ls_router_allowed(router, &target);
}

static void fresh(void)
{
    ls_router_free(&router);
    router = ls_router_new();
}

static void finds_literals_parameters_and_splats(void)
{
    struct ls_match m;
    fresh();
    CHECK_INT(add("GET", "/", 1), 0);
    CHECK_INT(add("GET", "/a", 2), 0);
    CHECK_INT(add("GET", "/a/", 3), 0);
    CHECK_INT(add("GET", "/u/:id", 4), 0);
    CHECK_INT(add("GET", "/u/:id/posts/:post", 5), 0);
    CHECK_INT(add("GET", "/files/*path", 6), 0);
    CHECK_INT(handler_of(LS_GET, "/", 0), 1);
    CHECK_INT(handler_of(LS_GET, "/a", 0), 2);
    CHECK_INT(handler_of(LS_GET, "/a/", 0), 3);
    CHECK_INT(handler_of(LS_GET, "/b", 0), -1);
    CHECK_INT(handler_of(LS_GET, "/u/", 0), -1);
    CHECK(find(LS_GET, "/u/7%2F8", 0, &m));
    CHECK_TEXT(m.captures[0], "7/8");
    CHECK(find(LS_GET, "/u/x/posts/y", 0, &m));
    CHECK_INT(m.route->handler, 5);
    CHECK_TEXT(m.captures[0], "x");
    CHECK_TEXT(m.captures[1], "y");
    CHECK(find(LS_GET, "/files/a/b%20c/d", 0, &m));
    CHECK_TEXT(m.captures[0], "a/b c/d");
    CHECK(find(LS_GET, "/files/", 0, &m));
    CHECK_TEXT(m.captures[0], "");
    CHECK_INT(handler_of(LS_GET, "/files", 0), -1);
}

static void prefers_literal_then_parameter_then_splat(void)
{
    fresh();
    add("GET", "/*rest", 1);
    add("GET", "/:one", 2);
    add("GET", "/x", 3);
    add("GET", "/x/:two", 4);
    add("GET", "/:one/y", 5);
    CHECK_INT(handler_of(LS_GET, "/x", 0), 3);
    CHECK_INT(handler_of(LS_GET, "/x", 1), 2);
    CHECK_INT(handler_of(LS_GET, "/x", 2), 1);
    CHECK_INT(handler_of(LS_GET, "/x", 3), -1);
    CHECK_INT(handler_of(LS_GET, "/x/y", 0), 4);
    CHECK_INT(handler_of(LS_GET, "/x/y", 1), 5);
    CHECK_INT(handler_of(LS_GET, "/x/y", 2), 1);
    CHECK_INT(handler_of(LS_GET, "/q/y", 0), 5);
    CHECK_INT(handler_of(LS_GET, "/q/r/s", 0), 1);
}

static void knows_methods(void)
{
    fresh();
    add("GET", "/a", 1);
    add("POST PUT", "/a", 2);
    add("HEAD", "/h", 3);
    add("GET", "/h", 4);
    CHECK_INT(handler_of(LS_HEAD, "/a", 0), 1);
    CHECK_INT(handler_of(LS_PUT, "/a", 0), 2);
    CHECK_INT(handler_of(LS_DELETE, "/a", 0), -1);
    CHECK_INT(handler_of(LS_HEAD, "/h", 0), 3);
    CHECK_INT(handler_of(LS_HEAD, "/h", 1), 4);
    CHECK_INT(allowed("/a"), 1 << LS_GET | 1 << LS_HEAD | 1 << LS_POST | 1 << LS_PUT);
    CHECK_INT(allowed("/b"), 0);
}

static void refuses_patterns_that_are_none(void)
{
    static const char *const bad[] = { "a",      "/:",    "/:1",   "/a//b",   "/*x/y",
                                       "/:a/:a", "/:a-b", "/a(/)", "/:a[%d]", "/*" };
    fresh();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_INT(add("GET", bad[i], 1), -EINVAL);
    CHECK_INT(add("GET", "/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/:p/:q", 1), -EINVAL);
}

static void refuses_what_is_taken(void)
{
    fresh();
    CHECK_INT(add("GET POST", "/a/:x", 1), 0);
    CHECK_INT(add("POST", "/a/:y", 2), -EEXIST);
    CHECK_INT(add("PUT", "/a/:y", 3), 0);
    CHECK_INT(add("GET", "/a/:y/", 4), 0);
}

static void finds_each_of_ten_thousand(void)
{
    char path[64];
    fresh();
    for (int i = 0; i < 10000; i++) {
        snprintf(path, sizeof path, "/r%d/:x/tail%d", i % 100, i);
        CHECK_INT(add("GET", path, i), 0);
    }
    for (int i = 0; i < 10000; i++) {
        snprintf(path, sizeof path, "/r%d/v/tail%d", i % 100, i);
        CHECK_INT(handler_of(LS_GET, path, 0), i);
    }
    CHECK_INT((long)ls_router_count(router), 10000);
    ls_router_free(&router);
}

static const struct unit_test tests[] = {
    { "finds literals, parameters and splats", finds_literals_parameters_and_splats },
    { "prefers literal, then parameter, then splat", prefers_literal_then_parameter_then_splat },
    { "knows methods", knows_methods },
    { "refuses patterns that are none", refuses_patterns_that_are_none },
    { "refuses what is taken", refuses_what_is_taken },
    { "finds each of ten thousand", finds_each_of_ten_thousand },
};

UNIT_MAIN(tests)
