/* Methods (RFC 9110 9.1, RFC 5789). */
#ifndef LS_HTTP_METHOD_H
#define LS_HTTP_METHOD_H

#include "base/slice.h"

enum ls_method {
    LS_GET,
    LS_HEAD,
    LS_POST,
    LS_PUT,
    LS_PATCH,
    LS_DELETE,
    LS_OPTIONS,
    LS_TRACE,
    LS_CONNECT,
    LS_METHODS,
    LS_METHOD_OTHER = LS_METHODS /* a valid token that is none of the above */
};

enum ls_method ls_method_of(struct ls_slice token); /* case-sensitive */
struct ls_slice ls_method_name(enum ls_method method);

#endif
