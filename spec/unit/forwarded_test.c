/* Forwarded and X-Forwarded-For, from the right. */
#include "unit.h"

#include "http/forwarded.h"

/* Elements as "address:port,proto,host|", "!" for one that is not sound. */
static void check(bool (*take)(struct ls_slice *, struct ls_forwarded *, bool *), const char *field,
                  const char *expected)
{
    char got[512] = "";
    size_t len = 0;
    struct ls_slice rest = ls_slice_of(field);
    struct ls_forwarded f;
    bool sound;
    while (take(&rest, &f, &sound))
        len += sound
                   ? (size_t)snprintf(got + len, sizeof got - len, "%.*s/%.*s,%.*s,%.*s|",
                                      (int)f.address.len, f.address.at, (int)f.port.len, f.port.at,
                                      (int)f.proto.len, f.proto.at, (int)f.host.len, f.host.at)
                   : (size_t)snprintf(got + len, sizeof got - len, "!|");
    CHECK_TEXT(ls_slice_of(got), expected);
}

static void reads_forwarded_from_the_right(void)
{
    check(ls_forwarded_last, "", "");
    check(ls_forwarded_last, "for=192.0.2.1", "192.0.2.1/,,|");
    check(ls_forwarded_last,
          "for=1.1.1.1;proto=http, For=\"[2001:db8::1]:80\";Proto=https ; host=\"a.b:1\"",
          "2001:db8::1/80,https,a.b:1|1.1.1.1/,http,|");
    check(ls_forwarded_last, "for=\"a,b\", for=unknown, for=_hidden;by=x",
          "_hidden/,,|unknown/,,|a,b/,,|");
    check(ls_forwarded_last, " , for=\"1.1.1.1:80\" ,, ", "1.1.1.1/80,,|");
    check(ls_forwarded_last, "by=x;secret=\"a;b\"", "/,,|");
    check(ls_forwarded_last, "for=\"1.1.1.1:_x\"", "1.1.1.1/_x,,|");
}

static void tells_what_is_malformed(void)
{
    check(ls_forwarded_last, "for", "!|");
    check(ls_forwarded_last, "for=", "!|");
    check(ls_forwarded_last, "for=1.1.1.1 proto=http", "!|");
    check(ls_forwarded_last, "for=\"1.1.1.1", "!|");
    check(ls_forwarded_last, "for=1.1.1.1;for=2.2.2.2", "!|");
    check(ls_forwarded_last, "for=\"1.1.1.1:99999\"", "!|");
    check(ls_forwarded_last, "for=\"[::1\"", "!|");
    check(ls_forwarded_last, "for=\"[::1]x\"", "!|");
    check(ls_forwarded_last, "for=\"\\1\"", "!|");
    check(ls_forwarded_last, "for=1.1.1.1;host=a;host=b", "!|");
    check(ls_forwarded_last, "bad, for=1.1.1.1", "1.1.1.1/,,|!|");
}

static void reads_the_older_list(void)
{
    check(ls_forwarded_for_last, "1.1.1.1, 2001:db8::1,[::1]:80 , 3.3.3.3:443",
          "3.3.3.3/443,,|::1/80,,|2001:db8::1/,,|1.1.1.1/,,|");
    check(ls_forwarded_for_last, ",,", "");
    check(ls_forwarded_for_last, "1.1.1.1:x, [", "!|!|");
}

static const struct unit_test tests[] = {
    { "reads Forwarded from the right", reads_forwarded_from_the_right },
    { "tells what is malformed", tells_what_is_malformed },
    { "reads the older list", reads_the_older_list },
};

UNIT_MAIN(tests)
