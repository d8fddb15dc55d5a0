/* Cookies, read from what browsers send and written so that they read it back. */
#include "unit.h"

#include "http/cookie.h"

static void check_pairs(const char *field, const char *expected)
{
    char got[256] = "";
    size_t len = 0;
    struct ls_slice rest = ls_slice_of(field), name, value;
    while (ls_cookie_next(&rest, &name, &value))
        len += (size_t)snprintf(got + len, sizeof got - len, "%.*s=%.*s|", (int)name.len, name.at,
                                (int)value.len, value.at);
    CHECK_TEXT(ls_slice_of(got), expected);
}

static void reads_pairs(void)
{
    check_pairs("", "");
    check_pairs("a=1", "a=1|");
    check_pairs("a=1; b=2;c=3", "a=1|b=2|c=3|");
    check_pairs(" a = 1 ; b=", "a=1|b=|");
    check_pairs("a=\"x y\"; b=\"", "a=x y|b=\"|");
    check_pairs("a=1=2; a=3", "a=1=2|a=3|");
    check_pairs("a=\xc3\xa9", "a=\xc3\xa9|");
}

static void passes_over_what_is_no_pair(void)
{
    check_pairs(";;;", "");
    check_pairs("a; =1; b c=1; d=\x01; e=5", "e=5|");
    check_pairs("a(b)=1; x=y", "x=y|");
}

static void what_it_encodes_it_decodes(void)
{
    char all[256], out[800];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    struct ls_buffer text = { 0 };
    ls_cookie_encode((struct ls_slice) { all, sizeof all }, &text);
    struct ls_buffer field = { 0 };
    ls_buffer_printf(&field, "n=%.*s; m=1", (int)text.len, text.at);
    struct ls_slice rest = { field.at, field.len }, name, value;
    CHECK(ls_cookie_next(&rest, &name, &value));
    CHECK_INT(ls_cookie_decode(value, out), 256);
    CHECK(memcmp(out, all, sizeof all) == 0);
    ls_buffer_free(&text);
    ls_buffer_free(&field);
}

static void refuses_escapes_that_are_none(void)
{
    char out[16];
    CHECK_INT(ls_cookie_decode(LS_SLICE("100%"), out), -400);
    CHECK_INT(ls_cookie_decode(LS_SLICE("%4"), out), -400);
    CHECK_INT(ls_cookie_decode(LS_SLICE("%zz"), out), -400);
    CHECK_INT(ls_cookie_decode(LS_SLICE("%41%4a"), out), 2);
}

static void knows_attributes(void)
{
    CHECK(ls_cookie_attribute(LS_SLICE("/a b")));
    CHECK(!ls_cookie_attribute(LS_SLICE("")));
    CHECK(!ls_cookie_attribute(LS_SLICE("/; Secure")));
    CHECK(!ls_cookie_attribute(LS_SLICE("/\r\n")));
}

static const struct unit_test tests[] = {
    { "reads pairs", reads_pairs },
    { "passes over what is no pair", passes_over_what_is_no_pair },
    { "what it encodes it decodes", what_it_encodes_it_decodes },
    { "refuses escapes that are none", refuses_escapes_that_are_none },
    { "knows attributes", knows_attributes },
};

UNIT_MAIN(tests)
