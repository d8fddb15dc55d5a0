#include "os/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { TEXT_MOST = INET6_ADDRSTRLEN };

/* 0 or -EINVAL. */
static int parse_address(struct ls_slice text, struct ls_network *n)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    char copy[TEXT_MOST];
    struct in6_addr six;
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.at, '\0', text.len))
        return -EINVAL;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    *n = (struct ls_network) { .family = AF_INET, .bits = 32 };
    if (strcmp(copy, "unix") == 0) {
        *n = (struct ls_network) { .family = AF_UNIX };
        return 0;
    }
    if (inet_pton(AF_INET, copy, n->address) == 1)
        return 0;
    if (inet_pton(AF_INET6, copy, &six) != 1)
        return -EINVAL;
    if (memcmp(&six, mapped, sizeof mapped) == 0) {
        memcpy(n->address, six.s6_addr + sizeof mapped, 4);
        return 0;
    }
    n->family = AF_INET6;
    n->bits = 128;
    memcpy(n->address, &six, sizeof six);
    return 0;
}

static bool bit(const unsigned char *address, unsigned number)
{
    return address[number / 8] >> (7 - number % 8) & 1;
}

int ls_network_parse(struct ls_slice text, struct ls_network *network)
{
    size_t slash = ls_slice_find(text, 0, '/');
    uint64_t bits = 0;
    int err = parse_address((struct ls_slice) { text.at, slash }, network);
    if (err < 0 || slash == text.len)
        return err;
    unsigned all = network->bits;
    if (ls_slice_to_u64(ls_slice_from(text, slash + 1), &bits) < 0 || bits > all ||
        network->family == AF_UNIX)
        return -EINVAL;
    network->bits = (unsigned)bits;
    for (unsigned i = network->bits; i < all; i++)
        if (bit(network->address, i))
            return -EINVAL;
    return 0;
}

bool ls_network_has(const struct ls_network *network, struct ls_slice address)
{
    struct ls_network one;
    if (parse_address(address, &one) < 0 || one.family != network->family)
        return false;
    size_t whole = network->bits / 8;
    if (memcmp(one.address, network->address, whole) != 0)
        return false;
    for (unsigned i = (unsigned)whole * 8; i < network->bits; i++)
        if (bit(one.address, i) != bit(network->address, i))
            return false;
    return true;
}
