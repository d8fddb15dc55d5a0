/* What proxies say of whom they pass on: Forwarded (RFC 7239), and the older X-Forwarded-For, a list of
 * addresses. Elements are taken from the right: the last one is the nearest proxy's. */
#ifndef LS_HTTP_FORWARDED_H
#define LS_HTTP_FORWARDED_H

#include "base/slice.h"

struct ls_forwarded {        /* one element; what it does not say is empty */
    struct ls_slice address; /* without brackets; as it stands: it may be "unknown" or "_hidden" */
    struct ls_slice port, proto, host;
};

/* Takes the last element off; false when there is none left. `sound`: whether it is well-formed; of one
 * that is not nothing is to be believed, nor of what stands before it. */
bool ls_forwarded_last(struct ls_slice *rest, struct ls_forwarded *element, bool *sound);

/* The same for the list of X-Forwarded-For. */
bool ls_forwarded_for_last(struct ls_slice *rest, struct ls_forwarded *element, bool *sound);

#endif
