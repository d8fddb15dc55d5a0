#include "unit.h"

#include <errno.h>
#include "os/net.h"

static struct ls_address parsed(const char *text)
{
    struct ls_address address;
    CHECK_INT(ls_address_parse(ls_slice_of(text), &address), 0);
    return address;
}

static void check_text(const struct ls_address *address, const char *expected)
{
    char text[LS_ADDRESS_TEXT];
    ls_address_text(address, text);
    CHECK_TEXT(ls_slice_of(text), expected);
}

static void addresses_come_back_as_they_were_written(void)
{
    static const struct {
        const char *text, *ip;
        int port, family;
    } cases[] = {
        { "0.0.0.0:0", "0.0.0.0", 0, AF_INET },
        { "127.0.0.1:3000", "127.0.0.1", 3000, AF_INET },
        { "255.255.255.255:65535", "255.255.255.255", 65535, AF_INET },
        { "[::]:80", "::", 80, AF_INET6 },
        { "[::1]:65535", "::1", 65535, AF_INET6 },
        { "[2001:db8::ff00:42:8329]:8080", "2001:db8::ff00:42:8329", 8080, AF_INET6 },
        { "unix:/run/x.sock", "unix", 0, AF_UNIX },
        { "unix:relative:with:colons", "unix", 0, AF_UNIX },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_address address = parsed(cases[i].text);
        char ip[LS_ADDRESS_TEXT];
        check_text(&address, cases[i].text);
        ls_address_ip(&address, ip);
        CHECK_TEXT(ls_slice_of(ip), cases[i].ip);
        CHECK_INT(ls_address_port(&address), cases[i].port);
        CHECK_INT(address.name.any.sa_family, cases[i].family);
    }
}

static void ports_stand_in_network_order(void)
{
    struct ls_address address = parsed("127.0.0.1:3000");
    CHECK(memcmp(&address.name.ip4.sin_port, "\x0B\xB8", 2) == 0);
    CHECK(memcmp(&address.name.ip4.sin_addr, "\x7F\0\0\1", 4) == 0);
}

static void other_texts_are_refused(void)
{
    static const char *const bad[] = {
        "",
        ":",
        ":80",
        "80",
        "127.0.0.1",
        "127.0.0.1:",
        "1.2.3",
        "1.2.3:80",
        "1.2.3.4.5:80",
        "256.0.0.1:1",
        "127.0.0.1:65536",
        "1.2.3.4:-1",
        "1.2.3.4:+1",
        "1.2.3.4: 1",
        "1.2.3.4:80 ",
        "1.2.3.4:80:80",
        "1.2.3.4:0x50",
        "host:80",
        "localhost:80",
        "example.org:80",
        "::1:80",
        "[::1",
        "[::1]",
        "[::1]80",
        "[::1]:",
        "[::1]:65536",
        "[]:80",
        "[127.0.0.1]:80",
        "[::1%lo]:80",
        "[1:2:3:4:5:6:7:8:9]:80",
        "*:80",
        "unix:",
        "UNIX:/x",
        "1.2.3.4:99999999999999999999",
        "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:80",
    };
    struct ls_address address;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (ls_address_parse(ls_slice_of(bad[i]), &address) != -EINVAL)
            CHECK_TEXT(ls_slice_of(bad[i]), "(refused)");
    }
    CHECK_INT(ls_address_parse(LS_SLICE("127.0.0.1\0:80"), &address), -EINVAL);
    CHECK_INT(ls_address_parse(LS_SLICE("[::1\0]:80"), &address), -EINVAL);
    CHECK_INT(ls_address_parse(LS_SLICE("unix:/a\0b"), &address), -EINVAL);
    CHECK_INT(ls_address_parse((struct ls_slice) { NULL, 0 }, &address), -EINVAL);
}

static void only_the_slice_is_read(void)
{
    struct ls_address address;
    CHECK_INT(ls_address_parse((struct ls_slice) { "127.0.0.1:80123", 12 }, &address), 0);
    CHECK_INT(ls_address_port(&address), 80);
}

static void unix_paths_have_107_bytes_at_most(void)
{
    char text[5 + 108 + 1] = "unix:";
    struct ls_address address;
    memset(text + 5, 'p', 108);
    CHECK_INT(ls_address_parse(ls_slice_of(text), &address), -ENAMETOOLONG);
    text[5 + 107] = '\0';
    address = parsed(text);
    check_text(&address, text);
    CHECK_INT(address.len, sizeof address.name.local);
}

static void odd_names_have_a_text(void)
{
    struct ls_address address = { .name.local = { .sun_family = AF_UNIX } };
    address.len = sizeof(sa_family_t);
    check_text(&address, "unix");
    memcpy(address.name.local.sun_path, "\0name", 5);
    address.len += 5;
    check_text(&address, "unix:@name");
    memset(address.name.local.sun_path, 'x', sizeof address.name.local.sun_path);
    address.len = sizeof address.name.local;
    char full[LS_ADDRESS_TEXT] = "unix:";
    memset(full + 5, 'x', 108);
    check_text(&address, full);
    address.len = 0;
    check_text(&address, "unix");
}

static const struct unit_test tests[] = {
    { "addresses come back as they were written", addresses_come_back_as_they_were_written },
    { "ports stand in network order", ports_stand_in_network_order },
    { "other texts are refused", other_texts_are_refused },
    { "only the slice is read", only_the_slice_is_read },
    { "Unix paths have 107 bytes at most", unix_paths_have_107_bytes_at_most },
    { "odd names have a text", odd_names_have_a_text },
};

UNIT_MAIN(tests)
