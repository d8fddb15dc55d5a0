#include "vectors.h"

#include "http/conditions.h"

#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE   "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER    "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct ls_validators current = { { "\"abc\"", 5 }, false, 784111777 };

/* The answer to a GET with these field lines, for an entity-tag "abc" last changed MODIFIED. */
static int check(const char *lines)
{
    static struct ls_field fields[16];
    static const struct ls_head_limits limits = { 1000, 4000, 16 };
    struct ls_head h = { .fields = fields };
    char text[2000];
    size_t len = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    const char *base = vector_guard(text, len);
    ls_head_reset(&h);
    CHECK_INT(ls_head_parse(&h, &limits, base, len), len);
    return ls_conditions_check(&h, base, &current, 1790000000);
}

static void serves_without_conditions(void)
{
    CHECK_INT(check(""), 0);
    CHECK_INT(check("If-Matches: x\r\nX-If-Match: \"x\"\r\n"), 0);
}

static void matches_strongly(void)
{
    CHECK_INT(check("If-Match: \"abc\"\r\n"), 0);
    CHECK_INT(check("if-match: *\r\n"), 0);
    CHECK_INT(check("If-Match: \"x\", \"abc\"\r\n"), 0);
    CHECK_INT(check("If-Match: \"x\"\r\nIf-Match: \"abc\"\r\n"), 0);
    CHECK_INT(check("If-Match: \"x\"\r\n"), 412);
    CHECK_INT(check("If-Match: \"ABC\"\r\n"), 412);
    CHECK_INT(check("If-Match: \"ab\"\r\n"), 412);
    CHECK_INT(check("If-Match: W/\"abc\"\r\n"), 412);
    CHECK_INT(check("If-Match:\r\n"), 412);
}

static void matches_weakly_where_none_may(void)
{
    CHECK_INT(check("If-None-Match: \"abc\"\r\n"), 304);
    CHECK_INT(check("If-None-Match: W/\"abc\"\r\n"), 304);
    CHECK_INT(check("If-None-Match: *\r\n"), 304);
    CHECK_INT(check("If-None-Match: \"x\",, ,W/\"y\"\t, \"abc\" ,\r\n"), 304);
    CHECK_INT(check("If-None-Match: \"a,b\", \"abc\"\r\n"), 304);
    CHECK_INT(check("If-None-Match: \"x\"\r\nIf-None-Match: \"abc\"\r\n"), 304);
    CHECK_INT(check("If-None-Match: \"abcd\"\r\n"), 0);
    CHECK_INT(check("If-None-Match: w/\"abc\"\r\n"), 0);
    CHECK_INT(check("If-None-Match:\r\n"), 0);
}

/* A list that is none names nothing, wherever in it the fault stands. */
static void takes_no_broken_list(void)
{
    static const char *const broken[] = {
        "abc",          "'abc'",      "\"abc",      "abc\"",        "\"abc\" \"x\"",
        "\"abc\"\"x\"", "\"abc\", x", "x, \"abc\"", "\"abc\"; q=1", "W/ \"abc\"",
        "W/*",          "*, \"abc\"", "\"abc\", *", "*, *",         "\"a bc\", \"abc\"",
        "**",           "W/",         "\"",
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        char line[200];
        snprintf(line, sizeof line, "If-None-Match: %s\r\n", broken[i]);
        if (check(line) != 0) {
            fprintf(stderr, "list %s\n", broken[i]);
            vector_fail("names something");
        }
        snprintf(line, sizeof line, "If-Match: %s\r\n", broken[i]);
        CHECK_INT(check(line), 412);
    }
    CHECK_INT(check("If-None-Match: \"abc\"\r\nIf-None-Match: *\r\n"), 0);
}

static void compares_dates(void)
{
    CHECK_INT(check("If-Modified-Since: " MODIFIED "\r\n"), 304);
    CHECK_INT(check("If-Modified-Since: " AFTER "\r\n"), 304);
    CHECK_INT(check("If-Modified-Since: " BEFORE "\r\n"), 0);
    CHECK_INT(check("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n"), 304);
    CHECK_INT(check("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n"), 304);
    CHECK_INT(check("If-Modified-Since: soon\r\n"), 0);
    CHECK_INT(check("If-Modified-Since:\r\n"), 0);
    CHECK_INT(check("If-Modified-Since: " MODIFIED "\r\nIf-Modified-Since: " MODIFIED "\r\n"), 0);
    CHECK_INT(check("If-Unmodified-Since: " MODIFIED "\r\n"), 0);
    CHECK_INT(check("If-Unmodified-Since: " AFTER "\r\n"), 0);
    CHECK_INT(check("If-Unmodified-Since: " BEFORE "\r\n"), 412);
    CHECK_INT(check("If-Unmodified-Since: soon\r\n"), 0);
}

/* RFC 9110 13.2.2: entity-tags before dates, what must match before what must not. */
static void keeps_the_order(void)
{
    CHECK_INT(check("If-Match: \"abc\"\r\nIf-Unmodified-Since: " BEFORE "\r\n"), 0);
    CHECK_INT(check("If-Match: \"x\"\r\nIf-Unmodified-Since: " AFTER "\r\n"), 412);
    CHECK_INT(check("If-None-Match: \"x\"\r\nIf-Modified-Since: " AFTER "\r\n"), 0);
    CHECK_INT(check("If-None-Match: \"abc\"\r\nIf-Modified-Since: " BEFORE "\r\n"), 304);
    CHECK_INT(check("If-None-Match: x\r\nIf-Modified-Since: " AFTER "\r\n"), 0);
    CHECK_INT(check("If-None-Match: \"abc\"\r\nIf-Match: \"x\"\r\n"), 412);
    CHECK_INT(check("If-None-Match: \"abc\"\r\nIf-Match: \"abc\"\r\n"), 304);
    CHECK_INT(check("If-Modified-Since: " AFTER "\r\nIf-Unmodified-Since: " BEFORE "\r\n"), 412);
}

static const struct unit_test tests[] = {
    { "serves a request without conditions", serves_without_conditions },
    { "compares If-Match strongly", matches_strongly },
    { "compares If-None-Match weakly", matches_weakly_where_none_may },
    { "takes no broken list of entity-tags", takes_no_broken_list },
    { "compares dates, and ignores what is none", compares_dates },
    { "asks the conditions in the order of RFC 9110 13.2.2", keeps_the_order },
};

UNIT_MAIN(tests)
