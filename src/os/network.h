/* Networks: an address and how many of its bits count, as "10.0.0.0/8" (RFC 4632), "fd00::/8"
 * (RFC 4291 2.3); an address alone is a network of one; "unix" is whoever comes by a Unix socket. */
#ifndef LS_OS_NETWORK_H
#define LS_OS_NETWORK_H

#include "base/slice.h"

struct ls_network {
    int family; /* AF_INET, AF_INET6, AF_UNIX */
    unsigned bits;
    unsigned char address[16];
};

/* 0 or -EINVAL: no such text, or bits are set behind those that count. */
int ls_network_parse(struct ls_slice text, struct ls_network *network);

/* Is the address, as text ("127.0.0.1", "::1", "unix"), in it? An IPv4 address that is mapped into
 * IPv6 ("::ffff:10.0.0.1") is taken as the IPv4 address. What is no address is in none. */
bool ls_network_has(const struct ls_network *network, struct ls_slice address);

#endif
