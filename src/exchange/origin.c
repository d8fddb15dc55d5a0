#include "exchange/origin.h"

struct ls_slice ls_origin_host(const struct ls_engine *e)
{
    return e->target.authority.len > 0 ? e->target.authority
                                       : ls_span_slice(e->in.at, e->head.host);
}
