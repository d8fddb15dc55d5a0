/* Status codes (RFC 9110 15, and the registry). */
#ifndef LS_HTTP_STATUS_H
#define LS_HTTP_STATUS_H

#include "base/slice.h"

struct ls_slice ls_status_reason(int status); /* "Not Found"; empty for codes without a name */
bool ls_status_has_content(int status);       /* false for 1xx, 204, 304 */

#endif
