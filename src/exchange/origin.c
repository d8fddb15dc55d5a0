#include "exchange/origin.h"

struct ls_slice ls_origin_host(const struct ls_engine *e)
{
    return e->target.authority.len > 0 ? e->target.authority
                                       : ls_span_slice(e->in.at, e->head.host);
}

struct ls_slice ls_origin_scheme(const struct ls_engine *e)
{
    (void)e;
    return LS_SLICE("http");
}
