#include "exchange/observer.h"

#include "os/network.h"

static const struct ls_slice of_proxies[] = { LS_SLICE("Forwarded"), LS_SLICE("X-Forwarded-For"),
                                              LS_SLICE("X-Real-IP"), LS_SLICE("Via") };

static bool has_passed_a_proxy(const struct ls_engine *e)
{
    const struct ls_slice prefix = LS_SLICE("X-Forwarded-");
    for (size_t i = 0; i < sizeof of_proxies / sizeof *of_proxies; i++)
        if (ls_head_find(&e->head, e->in.at, 0, of_proxies[i]) < e->head.count)
            return true;
    for (uint32_t i = 0; i < e->head.count; i++) {
        struct ls_slice name = ls_span_slice(e->in.at, e->head.fields[i].name);
        if (name.len > prefix.len &&
            ls_slice_equal_nocase((struct ls_slice) { name.at, prefix.len }, prefix))
            return true;
    }
    return false;
}

static bool is_in(struct ls_slice network, struct ls_slice address)
{
    struct ls_network n;
    return ls_network_parse(network, &n) == 0 && ls_network_has(&n, address);
}

static bool is_loopback(struct ls_slice address)
{
    return is_in(LS_SLICE("127.0.0.0/8"), address) || is_in(LS_SLICE("::1"), address);
}

static struct ls_slice without_port(struct ls_slice host)
{
    size_t end = host.len;
    while (end > 0 && host.at[end - 1] >= '0' && host.at[end - 1] <= '9')
        end--;
    if (end > 0 && host.at[end - 1] == ':' && (host.at[0] != '[' || host.at[end - 2] == ']'))
        host.len = end - 1;
    return host;
}

/* No name that somebody else's DNS could answer for. */
static bool is_own_name(struct ls_slice host)
{
    host = without_port(host);
    if (host.len > 2 && host.at[0] == '[')
        host = (struct ls_slice) { host.at + 1, host.len - 2 };
    return host.len == 0 || ls_slice_equal_nocase(host, LS_SLICE("localhost")) ||
           is_in(LS_SLICE("0.0.0.0/0"), host) || is_in(LS_SLICE("::/0"), host);
}

static bool is_in_any(const struct ls_network *networks, size_t count, struct ls_slice address)
{
    for (size_t i = 0; i < count; i++)
        if (ls_network_has(&networks[i], address))
            return true;
    return false;
}

bool ls_observer_is(const struct ls_engine *e)
{
    const struct ls_site *site = e->site;
    struct ls_slice ip = ls_slice_of(e->peer.ip);
    struct ls_slice host =
        e->target.authority.len > 0 ? e->target.authority : ls_span_slice(e->in.at, e->head.host);
    if (has_passed_a_proxy(e))
        return false;
    bool local = is_loopback(ip) || is_in(LS_SLICE("unix"), ip);
    if (local && (e->head.minor == 0 || !is_own_name(host)))
        return false;
    if (is_in_any(site->observers, site->observer_count, ip))
        return true;
    return local && !is_in_any(site->trusted, site->trusted_count, ip);
}
