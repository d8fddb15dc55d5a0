#include "os/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "os/sys.h"

enum { HOST = 256 }; /* bytes of a name with its NUL */

static int take_all(const struct addrinfo *found, struct ls_address all[LS_RESOLVED])
{
    int count = 0;
    for (; found && count < LS_RESOLVED; found = found->ai_next) {
        struct ls_address *a = &all[count];
        if (found->ai_addrlen > sizeof a->name ||
            (found->ai_family != AF_INET && found->ai_family != AF_INET6))
            continue;
        memset(a, 0, sizeof *a);
        memcpy(&a->name, found->ai_addr, found->ai_addrlen);
        a->len = found->ai_addrlen;
        count++;
    }
    return count > 0 ? count : -ENOENT;
}

int ls_resolve(const char *host, uint16_t port, struct ls_address all[LS_RESOLVED])
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    char service[8];
    if (ls_slice_starts(ls_slice_of(host), LS_SLICE("unix:"))) {
        int err = ls_address_parse(ls_slice_of(host), &all[0]);
        return err < 0 ? err : 1;
    }
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -ENOENT;
    int count = take_all(found, all);
    freeaddrinfo(found);
    return count;
}

int ls_resolve_text(const char *text, struct ls_address all[LS_RESOLVED])
{
    const char *colon = strrchr(text, ':');
    char host[HOST];
    uint64_t port;
    if (ls_slice_starts(ls_slice_of(text), LS_SLICE("unix:")))
        return ls_resolve(text, 0, all);
    if (!colon || ls_slice_to_u64(ls_slice_of(colon + 1), &port) < 0 || port < 1 ||
        port > UINT16_MAX)
        return -EINVAL;
    bool six = text[0] == '[' && colon > text && colon[-1] == ']';
    size_t len = (size_t)(colon - text) - (six ? 2 : 0);
    if (len == 0 || len >= sizeof host)
        return -EINVAL;
    snprintf(host, sizeof host, "%.*s", (int)len, text + six);
    return ls_resolve(host, (uint16_t)port, all);
}
