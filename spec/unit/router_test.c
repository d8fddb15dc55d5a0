#include "unit.h"

#include <errno.h>

#include "exchange/router.h"

static struct ls_router *router;
static char store[4096];

static char said[512]; /* why the last route was refused */

static int add_at(const char *host, const char *methods, const char *pattern, int handler)
{
    struct ls_buffer why = { 0 };
    struct ls_route route = { .handler = handler,
                              .pattern = (char *)pattern,
                              .host = (char *)host,
                              .where = (char *)"a.lua:1" };
    struct ls_slice rest = ls_slice_of(methods);
    while (rest.len > 0) {
        size_t end = ls_slice_find(rest, 0, ' ');
        route.methods |= 1u << ls_method_of((struct ls_slice) { rest.at, end });
        rest = ls_slice_from(rest, end < rest.len ? end + 1 : end);
    }
    int err = ls_router_add(router, &route, &why);
    CHECK(err == 0 || err == -ENOMEM || why.len > 0);
    snprintf(said, sizeof said, "%.*s", (int)why.len, why.at ? why.at : "");
    ls_buffer_free(&why);
    return err;
}

static int add(const char *methods, const char *pattern, int handler)
{
    return add_at(NULL, methods, pattern, handler);
}

static bool find(enum ls_method method, const char *path, unsigned skip, struct ls_match *match)
{
    struct ls_target target;
    CHECK_INT(ls_target_parse(LS_GET, ls_slice_of(path), store, &target), 0);
    return ls_router_match(router, 0, method, &target, skip, match);
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
    return ls_router_allowed(router, 0, &target);
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
    static const char *const bad[] = {
        "a",     "/:",    "/:1",      "/a//b",     "/*x/y",    "/:a/:a",
        "/:a-b", "/a(/)", "/:a[%d",   "/*1",       "/a()",     "/a(/b",
        "/a/b)", "/a(b)", "/a(/b)c",  "/a/.",      "/../a",    "/%2e%2E",
        "/a?b",  "/a#b",  "/%zz",     "/%4",       "/%00",     "/%ff",
        "/:a[]", "/:a[%", "/:a[z-a]", "/:a[\xff]", "/:a[%d]x", "(/a)(/b)(/c)(/d)(/e)"
    };
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

static void leaves_optional_parts_out(void)
{
    struct ls_match m;
    fresh();
    CHECK_INT(add("GET", "/u(/:id)", 1), 0);
    CHECK_INT(add("GET", "/log(/:year[%d](/:month[%d]))/list", 2), 0);
    CHECK_INT(add("GET", "(/:lang)/about", 3), 0);
    CHECK_INT(add("GET", "/f(/*rest)", 4), 0);
    CHECK(find(LS_GET, "/u", 0, &m));
    CHECK(m.captures[0].at == NULL);
    CHECK(find(LS_GET, "/u/7", 0, &m));
    CHECK_TEXT(m.captures[0], "7");
    CHECK_INT(handler_of(LS_GET, "/u/7/8", 0), -1);
    CHECK_INT(handler_of(LS_GET, "/log/list", 0), 2);
    CHECK(find(LS_GET, "/log/2026/list", 0, &m));
    CHECK_TEXT(m.captures[0], "2026");
    CHECK(m.captures[1].at == NULL);
    CHECK(find(LS_GET, "/log/2026/11/list", 0, &m));
    CHECK_TEXT(m.captures[1], "11");
    CHECK_INT(handler_of(LS_GET, "/about", 0), 3);
    CHECK_INT(handler_of(LS_GET, "/de/about", 0), 3);
    CHECK_INT(handler_of(LS_GET, "/f", 0), 4);
    CHECK(find(LS_GET, "/f/a/b", 0, &m));
    CHECK_TEXT(m.captures[0], "a/b");
    CHECK_INT((long)ls_router_count(router), 4);
}

static void keeps_to_classes(void)
{
    fresh();
    CHECK_INT(add("GET", "/n/:id[%d]", 1), 0);
    CHECK_INT(add("GET", "/n/:id", 2), 0);
    CHECK_INT(add("GET", "/n/new", 3), 0);
    CHECK_INT(add("GET", "/h/:sha[%x]/x", 4), 0);
    CHECK_INT(add("GET", "/s/:slug[a-z0-9%-]", 5), 0);
    CHECK_INT(add("GET", "/t/:x[^.]", 6), 0);
    CHECK_INT(add("GET", "/u/:x[])(/]", 7), -EINVAL); /* "]" ends it */
    CHECK_INT(add("GET", "/u/:x[)(/%]]", 7), 0);
    CHECK_INT(handler_of(LS_GET, "/n/12", 0), 1);
    CHECK_INT(handler_of(LS_GET, "/n/12", 1), 2);
    CHECK_INT(handler_of(LS_GET, "/n/1x", 0), 2);
    CHECK_INT(handler_of(LS_GET, "/n/new", 0), 3);
    CHECK_INT(handler_of(LS_GET, "/h/0aF/x", 0), 4);
    CHECK_INT(handler_of(LS_GET, "/h/0aG/x", 0), -1);
    CHECK_INT(handler_of(LS_GET, "/s/a-1", 0), 5);
    CHECK_INT(handler_of(LS_GET, "/s/A", 0), -1);
    CHECK_INT(handler_of(LS_GET, "/t/%C3%A9", 0), 6);
    CHECK_INT(handler_of(LS_GET, "/t/a.b", 0), -1);
    CHECK_INT(handler_of(LS_GET, "/u/(%2F)%5D", 0), 7);
}

static void decodes_literals(void)
{
    fresh();
    CHECK_INT(add("GET", "/a%20b/%28x%29", 1), 0);
    CHECK_INT(handler_of(LS_GET, "/a%20b/(x)", 0), 1);
}

static void refuses_what_cannot_be_told_apart(void)
{
    static const struct {
        const char *one, *other;
        int err;
    } pairs[] = {
        { "/n/:id[%d]", "/n/:x[%w]", -EEXIST },
        { "/n/:id[%d]", "/n/:x[%a]", 0 },
        { "/n/:id[%d]/a", "/n/:x[%w]/b", 0 },
        { "/n/:id[%d]/a", "/n/:x[%w]/:y", -EEXIST },
        { "/n/:id[%d]/:y", "/n/:x[%w]/a", -EEXIST },
        { "/n/:id[%d]/a", "/n/:x[%w]/*y", -EEXIST },
        { "/n/:id[%d]/*y", "/n/:x[%w]/a", -EEXIST },
        { "/u(/:id)", "/u/:name", 0 },
        { "/u(/:id)", "/u(/:name)", -EEXIST },
        { "/u(/:id)", "/u", -EEXIST },
        { "/u(/:id)", "/u/:x[%d]", -EEXIST },
        { "/u(/a)", "/u/a", -EEXIST },
        { "/u/*a", "/u/*b", -EEXIST },
        { "/u/*a", "/u/:b", 0 },
        { "/x/:a[%d]/:b", "/:c/5/x", 0 },
        { "/:a[%d]/5", "/:a[%x]/:b[%d]", -EEXIST },
        { "/:a[%d]/5", "/:a[%x]/:b[%l]", 0 },
        { "/:a[%d]/", "/:a[%x]", 0 },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        fresh();
        CHECK_INT(add("GET", pairs[i].one, 1), 0);
        if (add("GET", pairs[i].other, 2) != pairs[i].err)
            CHECK_TEXT(ls_slice_of(pairs[i].other), pairs[i].one);
        fresh();
        CHECK_INT(add("GET", pairs[i].other, 1), 0);
        if (add("GET", pairs[i].one, 2) != pairs[i].err)
            CHECK_TEXT(ls_slice_of(pairs[i].one), pairs[i].other);
        CHECK_INT(add("PUT", pairs[i].one, 2), 0);
    }
}

static void names_both_places(void)
{
    fresh();
    add("GET POST", "/n/:id[%d]", 1);
    add("POST PUT", "/n/:x[%w]", 2);
    CHECK_TEXT(ls_slice_of(said),
               "POST /n/:x[%w] cannot be told apart from /n/:id[%d] from a.lua:1");
    add("POST", "/n/:no[%d]", 2);
    CHECK_TEXT(ls_slice_of(said), "POST /n/:no[%d] is there already, as /n/:id[%d] from a.lua:1");
}

static int handler_at(const char *host, const char *path, unsigned skip)
{
    struct ls_match match;
    struct ls_target target;
    int number = ls_router_host(router, ls_slice_of(host));
    CHECK_INT(ls_target_parse(LS_GET, ls_slice_of(path), store, &target), 0);
    return ls_router_match(router, number, LS_GET, &target, skip, &match) ? match.route->handler
                                                                          : -1;
}

static void knows_hosts(void)
{
    fresh();
    CHECK_INT(add_at(NULL, "GET", "/", 1), 0);
    CHECK_INT(add_at("api.example.org", "GET", "/", 2), 0);
    CHECK_INT(add_at("*.example.org", "GET", "/", 3), 0);
    CHECK_INT(add_at("*.sub.example.org", "GET", "/", 4), 0);
    CHECK_INT(add_at("API.example.org", "GET", "/", 5), -EEXIST);
    CHECK_INT(handler_at("api.example.org", "/", 0), 2);
    CHECK_INT(handler_at("Api.Example.Org.:3000", "/", 0), 2);
    CHECK_INT(handler_at("api.example.org", "/", 1), 1);
    CHECK_INT(handler_at("www.example.org:80", "/", 0), 3);
    CHECK_INT(handler_at("a.sub.example.org", "/", 0), 4);
    CHECK_INT(handler_at("sub.example.org", "/", 0), 3);
    CHECK_INT(handler_at("example.org", "/", 0), 1);
    CHECK_INT(handler_at("", "/", 0), 1);
    CHECK_INT(handler_at(".", "/", 0), 1);
    CHECK_INT(handler_at("[::1]:80", "/", 0), 1);
    CHECK_INT(add_at("a b", "GET", "/", 1), -EINVAL);
    CHECK_INT(add_at("a.org:80", "GET", "/", 1), -EINVAL);
    CHECK_INT(add_at("", "GET", "/", 1), -EINVAL);
    CHECK_INT(add_at("*", "GET", "/", 1), -EINVAL);
    CHECK_INT(add_at("a.*.org", "GET", "/", 1), -EINVAL);
    CHECK_INT(add_at("[::1]", "GET", "/", 6), 0);
    CHECK_INT(handler_at("[::1]:80", "/", 0), 6);
}

static void a_refused_route_leaves_nothing(void)
{
    fresh();
    add("GET", "/u/:id[%d]/x", 1);
    CHECK_INT(add("GET", "/v(/:a)/u(/:id[%d]/x)", 2), 0);
    CHECK_INT(add("GET", "/u(/:id[%w]/x)", 3), -EEXIST);
    CHECK_INT(handler_of(LS_GET, "/u", 0), -1);
    CHECK_INT(add("GET", "/w", 4), 0);
    CHECK_INT(handler_of(LS_GET, "/u", 0), -1);
    CHECK_INT(handler_of(LS_GET, "/w", 0), 4);
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
    { "leaves optional parts out", leaves_optional_parts_out },
    { "keeps to classes", keeps_to_classes },
    { "decodes literals", decodes_literals },
    { "refuses what cannot be told apart", refuses_what_cannot_be_told_apart },
    { "names both places", names_both_places },
    { "knows hosts", knows_hosts },
    { "a refused route leaves nothing", a_refused_route_leaves_nothing },
    { "finds each of ten thousand", finds_each_of_ten_thousand },
};

UNIT_MAIN(tests)
