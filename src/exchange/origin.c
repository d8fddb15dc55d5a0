#include "exchange/origin.h"

#include "http/forwarded.h"
#include "os/network.h"

static bool is_trusted(const struct ls_site *site, struct ls_slice ip)
{
    for (size_t i = 0; i < site->trusted_count; i++)
        if (ls_network_has(&site->trusted[i], ip))
            return true;
    return false;
}

static bool is_address(struct ls_slice text)
{
    struct ls_network one;
    return ls_slice_find(text, 0, '/') == text.len && !ls_slice_equal(text, LS_SLICE("unix")) &&
           ls_network_parse(text, &one) == 0;
}

static void set_scheme(struct ls_origin *o, struct ls_slice proto)
{
    if (ls_slice_equal_nocase(proto, LS_SLICE("https")))
        o->scheme = LS_SLICE("https");
    else if (ls_slice_equal_nocase(proto, LS_SLICE("http")))
        o->scheme = LS_SLICE("http");
}

static void set_host(struct ls_origin *o, struct ls_slice host)
{
    if (host.len > 0 && ls_host_valid(host))
        o->host = host;
}

enum { HOPS = 32 }; /* proxies in a row that are believed at most */

typedef bool taking(struct ls_slice *rest, struct ls_forwarded *element, bool *sound);

/* What one field line says, from its right. False: nothing that stands before it is believed. */
static bool believe_line(const struct ls_site *site, struct ls_slice line, taking *take,
                         struct ls_origin *o)
{
    struct ls_forwarded f;
    uint64_t port = 0;
    bool sound;
    for (int hops = 0; take(&line, &f, &sound); hops++) {
        if (!sound || hops == HOPS || !is_trusted(site, o->ip))
            return false;
        set_scheme(o, f.proto);
        set_host(o, f.host);
        if (!is_address(f.address))
            return false; /* "unknown", or hidden: the proxy is all that is known */
        o->ip = f.address;
        o->port = ls_slice_to_u64(f.port, &port) == 0 ? (uint16_t)port : 0;
    }
    return true;
}

/* The field lines of that name, the last one first. */
static bool believe(const struct ls_engine *e, struct ls_slice name, taking *take,
                    struct ls_origin *o)
{
    bool there = false, on = true;
    for (uint32_t i = e->head.count; i-- > 0 && on;) {
        const struct ls_field *field = &e->head.fields[i];
        if (!ls_slice_equal_nocase(ls_span_slice(e->in.at, field->name), name))
            continue;
        there = true;
        on = believe_line(e->site, ls_span_slice(e->in.at, field->value), take, o);
    }
    return there;
}

/* Of a list, what the nearest proxy has put there: its last element. */
static struct ls_slice last_of(const struct ls_engine *e, struct ls_slice name)
{
    struct ls_slice list = ls_head_value(&e->head, e->in.at, name);
    size_t start = list.len;
    while (start > 0 && list.at[start - 1] != ',')
        start--;
    return ls_slice_trim(ls_slice_from(list, start));
}

struct ls_origin ls_origin_of(const struct ls_engine *e)
{
    struct ls_origin o = { .ip = ls_slice_of(e->peer.ip),
                           .port = e->peer.port,
                           .scheme = LS_SLICE("http"),
                           .host = e->target.authority.len > 0
                                       ? e->target.authority
                                       : ls_span_slice(e->in.at, e->head.host) };
    if (e->site->trusted_count == 0 || !is_trusted(e->site, o.ip) ||
        believe(e, LS_SLICE("Forwarded"), ls_forwarded_last, &o))
        return o;
    set_scheme(&o, last_of(e, LS_SLICE("X-Forwarded-Proto")));
    set_host(&o, last_of(e, LS_SLICE("X-Forwarded-Host")));
    believe(e, LS_SLICE("X-Forwarded-For"), ls_forwarded_for_last, &o);
    return o;
}
