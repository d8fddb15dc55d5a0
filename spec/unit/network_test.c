/* Networks, and who is in them. */
#include "unit.h"

#include <errno.h>

#include "os/network.h"

static bool has(const char *network, const char *address)
{
    struct ls_network n;
    CHECK_INT(ls_network_parse(ls_slice_of(network), &n), 0);
    return ls_network_has(&n, ls_slice_of(address));
}

static void knows_who_is_in(void)
{
    CHECK(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"));
    CHECK(has("10.0.0.0/8", "10.255.1.2") && !has("10.0.0.0/8", "11.0.0.0"));
    CHECK(has("10.1.2.128/25", "10.1.2.200") && !has("10.1.2.128/25", "10.1.2.127"));
    CHECK(has("0.0.0.0/0", "8.8.8.8") && !has("0.0.0.0/0", "::1"));
    CHECK(has("fd00::/8", "fd12::1") && !has("fd00::/8", "fe00::1"));
    CHECK(has("::/0", "::1") && has("::1", "0:0::1"));
    CHECK(has("10.0.0.0/8", "::ffff:10.0.0.1") && has("::ffff:10.0.0.1", "10.0.0.1"));
    CHECK(has("unix", "unix") && !has("unix", "127.0.0.1") && !has("0.0.0.0/0", "unix"));
    CHECK(!has("0.0.0.0/0", "") && !has("0.0.0.0/0", "x") && !has("0.0.0.0/0", "_hidden"));
}

static void refuses_what_is_none(void)
{
    static const char *const bad[] = { "",          "x",          "10.0.0.0/33", "10.0.0.1/8",
                                       "10.0.0.0/", "10.0.0.0/x", "::/129",      "fd00::1/8",
                                       "unix/0",    "10.0.0",     "10.0.0.0/-1", "localhost" };
    struct ls_network n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_INT(ls_network_parse(ls_slice_of(bad[i]), &n), -EINVAL);
}

static const struct unit_test tests[] = {
    { "knows who is in", knows_who_is_in },
    { "refuses what is none", refuses_what_is_none },
};

UNIT_MAIN(tests)
