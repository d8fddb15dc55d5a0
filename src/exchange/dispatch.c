#include "exchange/dispatch.h"

#include <stdlib.h>

#include "exchange/listing.h"
#include "exchange/origin.h"
#include "exchange/representation.h"
#include "os/sys.h"

enum { READING = 1 << LS_GET | 1 << LS_HEAD };

static bool is_reading(const struct ls_engine *e)
{
    return e->head.method == LS_GET || e->head.method == LS_HEAD;
}

static void add_allow(struct ls_engine *e, unsigned methods)
{
    struct ls_buffer text = { 0 };
    ls_methods_text(methods | 1u << LS_OPTIONS, &text);
    ls_response_field(&e->response, LS_SLICE("Allow"), (struct ls_slice) { text.at, text.len });
    ls_buffer_free(&text);
}

static void not_allowed(struct ls_engine *e, unsigned methods)
{
    add_allow(e, methods);
    ls_answer_page(e, e->head.method == LS_OPTIONS ? 204 : 405, NULL);
}

/* To the same path with "/" at its end, or without, as it was sent. */
static void redirect_slash(struct ls_engine *e, int status, bool slash)
{
    struct ls_slice target = ls_span_slice(e->in.at, e->head.target);
    size_t path = ls_slice_find(target, 0, '?');
    struct ls_buffer to = { 0 };
    if (e->target.form == LS_ORIGIN_FORM && ls_slice_starts(target, LS_SLICE("//")))
        ls_buffer_text(&to, "/."); /* "//host" alone would name another host */
    ls_buffer_append(&to, target.at, slash ? path : path - 1);
    if (slash)
        ls_buffer_byte(&to, '/');
    ls_buffer_slice(&to, ls_slice_from(target, path));
    ls_response_field(&e->response, LS_SLICE("Location"), (struct ls_slice) { to.at, to.len });
    ls_buffer_free(&to);
    ls_answer_page(e, status, NULL);
}

static bool route_with_other_slash(struct ls_engine *e)
{
    struct ls_match match;
    if (e->target.count == 0 || !is_reading(e))
        return false;
    e->target.slash = !e->target.slash;
    bool there = ls_router_match(e->site->router, e->host, e->head.method, &e->target, 0, &match);
    e->target.slash = !e->target.slash;
    return there;
}

/* What no route answers: 0 when a file, or a listing, has answered; or -status. */
static int answer_from_www(struct ls_engine *e)
{
    const struct ls_asker asker = { &e->head, e->in.at };
    struct ls_file file;
    int found = ls_file_find(&e->site->www, &e->target, &asker, &file);
    if (found == -404)
        return ls_listing_answer(e);
    if (found == 0 && !is_reading(e)) {
        ls_file_close(&file);
        return -405;
    }
    if (found == 0)
        ls_representation_answer(e, 200, &file);
    return found;
}

static void answer_without_route(struct ls_engine *e)
{
    unsigned allowed = e->skip == 0 ? ls_router_allowed(e->site->router, e->host, &e->target) : 0;
    int found = answer_from_www(e);
    if (found == 0)
        return;
    if (found == -405 || allowed)
        not_allowed(e, allowed | (found == -405 ? READING : 0));
    else if (found == -301)
        redirect_slash(e, 301, true);
    else if (found == -404 && route_with_other_slash(e))
        redirect_slash(e, 308, !e->target.slash);
    else
        ls_answer_page(e, -found, NULL);
}

static int read_target(struct ls_engine *e)
{
    struct ls_slice target = ls_span_slice(e->in.at, e->head.target);
    size_t size = 4 * target.len + 4;
    if (size > e->store_cap) {
        char *store = realloc(e->store, size);
        if (!store)
            return -503;
        e->store = store;
        e->store_cap = size;
    }
    return ls_target_parse(e->head.method, target, e->store, &e->target);
}

/* Statuses that need no look at routes or files; 0: go on. */
static int judge(struct ls_engine *e)
{
    if (e->head.method == LS_METHOD_OTHER || e->head.method == LS_CONNECT)
        return 501;
    int err = read_target(e);
    if (err < 0)
        return -err;
    e->host = ls_router_host(e->site->router, ls_origin_host(e));
    return 0;
}

static void route(struct ls_engine *e)
{
    e->match.route = NULL;
    e->limits = e->site->limits;
    if (e->target.form == LS_ASTERISK_FORM) {
        add_allow(e, (1u << LS_METHODS) - 1 - (1u << LS_CONNECT) - (1u << LS_TRACE));
        ls_answer_page(e, 204, NULL);
    } else if (!ls_router_match(e->site->router, e->host, e->head.method, &e->target, e->skip,
                                &e->match)) {
        answer_without_route(e);
    } else {
        e->limits = ls_limits_of(&e->site->limits, &e->match.route->own);
        if (!e->body.chunked && e->head.content_length > e->limits.body)
            ls_answer_refuse(e, 413);
        else
            e->state = LS_ENGINE_RUN;
    }
}

void ls_dispatch(struct ls_engine *e)
{
    int status = e->skip > 0 ? 0 : judge(e);
    ls_response_reset(&e->response);
    if (status > 0) {
        e->keep = false; /* a request that we do not understand may frame itself otherwise too */
        ls_answer_refuse(e, status);
    } else {
        route(e);
    }
}
