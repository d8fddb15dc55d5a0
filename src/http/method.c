#include "http/method.h"

static const struct ls_slice names[LS_METHODS] = {
    [LS_GET] = { "GET", 3 },         [LS_HEAD] = { "HEAD", 4 },   [LS_POST] = { "POST", 4 },
    [LS_PUT] = { "PUT", 3 },         [LS_PATCH] = { "PATCH", 5 }, [LS_DELETE] = { "DELETE", 6 },
    [LS_OPTIONS] = { "OPTIONS", 7 }, [LS_TRACE] = { "TRACE", 5 }, [LS_CONNECT] = { "CONNECT", 7 },
};

enum ls_method ls_method_of(struct ls_slice token)
{
    int method = 0;
    while (method < LS_METHODS && !ls_slice_equal(token, names[method]))
        method++;
    return (enum ls_method)method;
}

struct ls_slice ls_method_name(enum ls_method method)
{
    return method < LS_METHODS ? names[method] : (struct ls_slice) { "", 0 };
}
