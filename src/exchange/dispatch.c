#include "exchange/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/listing.h"
#include "exchange/origin.h"
#include "exchange/representation.h"
#include "os/sys.h"

enum { READING = 1 << LS_GET | 1 << LS_HEAD };

static bool is_reading(const struct ls_engine *e)
{
    return e->head.method == LS_GET || e->head.method == LS_HEAD;
}

static void allow_text(unsigned methods, struct ls_buffer *text)
{
    ls_methods_text(methods | 1u << LS_OPTIONS, text);
}

static void add_allow(struct ls_engine *e, unsigned methods)
{
    struct ls_buffer text = { 0 };
    allow_text(methods, &text);
    if (!ls_response_has(&e->response, LS_SLICE("Allow")))
        ls_response_field(&e->response, LS_SLICE("Allow"), (struct ls_slice) { text.at, text.len });
    ls_buffer_free(&text);
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

/* ---- files ---- */

/* A folder, and what is asked for beneath it. */
struct area {
    const struct ls_www *www;
    const struct ls_target *target;
    struct ls_target beneath; /* of a route's folder */
};

static bool serves_files(const struct ls_route *route)
{
    return route && route->files > 0;
}

/* Of a route that serves files, or www. */
static void find_area(const struct ls_engine *e, const struct ls_match *match, struct area *a)
{
    a->www = &e->site->www;
    a->target = &e->target;
    if (!serves_files(match->route))
        return;
    uint32_t depth = match->depth;
    a->www = &e->site->mounts->all[match->route->files - 1];
    a->target = &a->beneath;
    a->beneath.slash = e->target.slash;
    a->beneath.count = e->target.count - depth;
    memcpy(a->beneath.segments, e->target.segments + depth,
           a->beneath.count * sizeof *a->beneath.segments);
}

/* 0 when a file, or a listing, has answered; or -status. */
static int answer_from(struct ls_engine *e, const struct area *a)
{
    const struct ls_asker asker = { &e->head, e->in.at };
    struct ls_file file;
    int found = ls_file_find(a->www, a->target, &asker, &file);
    if (found == -404)
        return ls_listing_answer(e, a->www, a->target);
    if (found == 0 && !is_reading(e)) {
        ls_file_close(&file);
        return -405;
    }
    if (found == 0)
        ls_representation_answer(e, 200, &file);
    return found;
}

/* What answer_from would come to, without an answer. */
static int look_in(const struct ls_engine *e, const struct area *a)
{
    const struct ls_asker asker = { &e->head, e->in.at };
    struct ls_file file;
    int found = ls_file_find(a->www, a->target, &asker, &file);
    if (found == 0)
        ls_file_close(&file);
    if (found == -404 && a->www->listing && (a->target->slash || a->target->count == 0)) {
        int folder = ls_file_folder(a->www, a->target);
        if (folder >= 0)
            ls_sys_close(folder);
        found = folder < 0 ? folder : 0;
    }
    return found == 0 && !is_reading(e) ? -405 : found;
}

/* Is there a file for another method than the request's? */
static bool files_could_be_read(struct ls_engine *e)
{
    struct ls_match match;
    struct area area;
    for (unsigned i = 0;
         !is_reading(e) && ls_router_match(e->site->router, e->host, LS_GET, &e->target, i, &match);
         i++) {
        if (!serves_files(match.route))
            continue;
        find_area(e, &match, &area);
        if (look_in(e, &area) == -405)
            return true;
    }
    return false;
}

/* Handlers look at the clock anyhow, but files don't. */
static void note_begin(struct ls_engine *e)
{
    if (e->account && e->begun_at == 0)
        e->begun_at = ls_clock_us();
}

bool ls_dispatch_files(struct ls_engine *e)
{
    note_begin(e);
    struct area area;
    find_area(e, &e->match, &area);
    int found = answer_from(e, &area);
    if (found == -301)
        redirect_slash(e, 301, true);
    else if (found < 0 && found != -404)
        ls_answer_page(e, -found, NULL);
    return found != -404;
}

/* ---- what no route answers ---- */

static bool answers(struct ls_engine *e, const struct ls_match *match)
{
    struct area area;
    if (!serves_files(match->route))
        return true;
    find_area(e, match, &area);
    return look_in(e, &area) == 0;
}

static bool route_with_other_slash(struct ls_engine *e)
{
    struct ls_match match;
    bool there = false;
    if (e->target.count == 0 || !is_reading(e))
        return false;
    e->target.slash = !e->target.slash;
    for (unsigned i = 0;
         !there && ls_router_match(e->site->router, e->host, e->head.method, &e->target, i, &match);
         i++)
        there = answers(e, &match);
    e->target.slash = !e->target.slash;
    return there;
}

/* Where www has said -found. */
static int status_without_route(struct ls_engine *e, int found, unsigned *allowed)
{
    *allowed = e->declined ? 0 : ls_router_allowed(e->site->router, e->host, &e->target);
    if (found == -405 || (found == -404 && files_could_be_read(e)))
        *allowed |= READING;
    if (*allowed)
        return e->head.method == LS_OPTIONS ? 204 : 405;
    return found == -404 && route_with_other_slash(e) ? 308 : -found;
}

static void answer_without_route(struct ls_engine *e)
{
    struct area area;
    unsigned allowed;
    note_begin(e);
    find_area(e, &e->match, &area);
    int found = answer_from(e, &area);
    if (found == 0)
        return;
    int status = status_without_route(e, found, &allowed);
    if (status == 301 || status == 308) {
        redirect_slash(e, status, status == 301 || !e->target.slash);
        return;
    }
    if (allowed)
        add_allow(e, allowed);
    ls_answer_page(e, status, NULL);
}

int ls_dispatch_look(struct ls_engine *e, struct ls_buffer *allow)
{
    struct area area;
    unsigned allowed = 0;
    find_area(e, &e->match, &area);
    int found = look_in(e, &area);
    if (serves_files(e->match.route))
        return found == -404 ? 0 : found == 0 ? 200 : -found;
    int status = found == 0 ? 200 : status_without_route(e, found, &allowed);
    if (allowed)
        allow_text(allowed, allow);
    return status;
}

/* ---- */

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
    const struct ls_router *router = e->site->router;
    e->host = ls_router_has_hosts(router) ? ls_router_host(router, ls_origin_of(e).host) : 0;
    return 0;
}

static void run(struct ls_engine *e, int handler)
{
    e->handler_number = handler;
    e->state = LS_ENGINE_RUN;
}

/* The best route that is left. False: there is none. */
static bool route(struct ls_engine *e)
{
    while (
        ls_router_match(e->site->router, e->host, e->head.method, &e->target, e->skip, &e->match)) {
        const struct ls_route *r = e->match.route;
        e->limits = ls_limits_of(&e->site->limits, &r->own);
        if (r->handler >= 0 && !e->body.chunked && e->head.content_length > e->limits.body)
            ls_answer_refuse(e, 413);
        else if (r->handler >= 0)
            run(e, r->handler);
        else if (!ls_dispatch_files(e)) {
            e->skip++;
            continue;
        }
        return true;
    }
    e->match.route = NULL;
    e->limits = e->site->limits;
    return false;
}

static void find_answer(struct ls_engine *e)
{
    const struct ls_handlers *handlers = &e->site->handlers;
    if (e->target.form == LS_ASTERISK_FORM) {
        add_allow(e, (1u << LS_METHODS) - 1 - (1u << LS_CONNECT) - (1u << LS_TRACE));
        ls_answer_page(e, 204, NULL);
    } else if (!e->unrouted && route(e)) {
        return;
    } else if (!e->unrouted && handlers->asks_first) {
        e->unrouted = true;
        run(e, handlers->unrouted);
    } else {
        answer_without_route(e);
    }
}

void ls_dispatch(struct ls_engine *e)
{
    bool first = !e->declined && !e->unrouted;
    int status = first ? judge(e) : 0;
    if (first)
        ls_response_reset(&e->response);
    e->match.route = NULL;
    e->limits = e->site->limits;
    if (status > 0) {
        e->keep = false; /* a request that we do not understand may frame itself otherwise too */
        ls_answer_refuse(e, status);
    } else {
        find_answer(e);
    }
}

void ls_dispatch_next(struct ls_engine *e)
{
    if (!e->unrouted) {
        e->skip++;
        e->declined = true;
    }
    e->state = LS_ENGINE_DISPATCH;
}
