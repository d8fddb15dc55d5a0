/* Request targets (RFC 9112 3.2, RFC 3986 5.2.4, 6.2.2): taken apart, decoded once, normalised.
 *
 * The path is split at "/" first, then each segment is percent-decoded once; "." and ".." (also
 * written %2e) are resolved, never above the root. A segment may hold a "/" that was %2F: routes
 * match it, files do not. %00, a broken escape and anything that does not decode to well-formed
 * UTF-8 are refused. */
#ifndef LS_HTTP_URI_H
#define LS_HTTP_URI_H

#include "http/method.h"

enum { LS_TARGET_SEGMENTS = 64 }; /* more: refused */

enum ls_target_form { LS_ORIGIN_FORM, LS_ABSOLUTE_FORM, LS_ASTERISK_FORM, LS_AUTHORITY_FORM };

struct ls_target {
    enum ls_target_form form;
    struct ls_slice authority; /* of absolute- and authority-form; else empty */
    struct ls_slice query;     /* behind the "?", as sent; at == NULL without "?" */
    uint32_t count;
    struct ls_slice segments[LS_TARGET_SEGMENTS]; /* decoded; "/" alone: none; "/a/": one, and */
    bool slash;                                   /* the path ends in "/" */
    struct ls_slice path; /* "/" and the segments, "/" between; a "/" or "%" in one is %2F, %25 */
};

/* `store` holds what was decoded: its size must be at least 4 * text.len + 4, and it must live
 * as long as `out`. 0, or -400: refuse with it. */
int ls_target_parse(enum ls_method method, struct ls_slice text, char *store,
                    struct ls_target *out);

/* Is this a valid Host value or authority: uri-host [ ":" port ] (RFC 9110 7.2)? May be empty. */
bool ls_host_valid(struct ls_slice host);

/* Decodes %XX, and "+" as a space, of one part of a query or a form (application/x-www-form-
 * urlencoded) into `out`, of at least text.len bytes. The length, or -400 at a broken escape. */
int64_t ls_form_decode(struct ls_slice text, char *out);

/* Takes the next "name=value" (still encoded) off the front of `query`; false at its end. Empty
 * parts are passed over; without "=" the value is empty. */
bool ls_form_next(struct ls_slice *query, struct ls_slice *name, struct ls_slice *value);

#endif
