#include "lua/answering.h"

#include <errno.h>
#include <string.h>

#include "exchange/answer.h"
#include "exchange/origin.h"
#include "exchange/reading.h"
#include "lua/app.h"
#include "lua/content.h"
#include "lua/held.h"
#include "lua/reply.h"
#include "lua/view.h"
#include "lua/wait.h"

enum {
    WHOLE = 64 << 10, /* bytes of an answer that is sent with its length */
    STREAM_BLOCK =
        16 << 10 /* bytes of a longer one that are gathered before the client is waited for */
};

struct luaserve_request {
    const struct ls_engine *e;
};

/* Nothing is raised through the handler, which may be in a language that does not bear it: what goes wrong
 * is kept until it has returned. */
struct luaserve_response {
    lua_State *L;
    struct ls_engine *e;
    struct ls_call *call;
    struct ls_buffer *fields;  /* name NUL value NUL … */
    struct ls_buffer *content; /* what was written, until the head is out */
    struct ls_buffer *file;    /* the path of a file, with its NUL; empty: none */
    bool wrote;                /* perhaps nothing */
    bool failed;               /* the head cannot be made: the message is on top of the stack */
};

/* ---- the request ---- */

static struct luaserve_slice public(struct ls_slice text)
{
    return (struct luaserve_slice) { text.at, text.len };
}

struct luaserve_slice luaserve_request_method(const struct luaserve_request *r)
{
    return public(ls_span_slice(r->e->in.at, r->e->head.method_token));
}

struct luaserve_slice luaserve_request_target(const struct luaserve_request *r)
{
    return public(ls_span_slice(r->e->in.at, r->e->head.target));
}

struct luaserve_slice luaserve_request_path(const struct luaserve_request *r)
{
    return public(r->e->target.path);
}

struct luaserve_slice luaserve_request_query(const struct luaserve_request *r)
{
    return public(r->e->target.query);
}

struct luaserve_slice luaserve_request_header(const struct luaserve_request *r, const char *name)
{
    const struct ls_engine *e = r->e;
    uint32_t at = ls_head_find(&e->head, e->in.at, 0, ls_slice_of(name));
    if (at >= e->head.count)
        return (struct luaserve_slice) { NULL, 0 };
    return public(ls_span_slice(e->in.at, e->head.fields[at].value));
}

struct luaserve_slice luaserve_request_parameter(const struct luaserve_request *r, const char *name)
{
    const struct ls_match *match = &r->e->match;
    for (uint32_t i = 0; match->route && i < match->route->name_count; i++)
        if (strcmp(match->route->names[i], name) == 0)
            return public(match->captures[i]);
    return (struct luaserve_slice) { NULL, 0 };
}

struct luaserve_slice luaserve_request_body(const struct luaserve_request *r)
{
    return public(ls_content_there(r->e));
}

struct luaserve_slice luaserve_request_address(const struct luaserve_request *r)
{
    return public(ls_origin_of(r->e).ip);
}

uint16_t luaserve_request_port(const struct luaserve_request *r)
{
    return ls_origin_of(r->e).port;
}

struct luaserve_slice luaserve_request_id(const struct luaserve_request *r)
{
    return (struct luaserve_slice) { r->e->id, 16 };
}

/* ---- the response ---- */

static bool is_over(const struct luaserve_response *r)
{
    return r->failed || r->e->gone || ls_lua_of(r->L)->interrupted;
}

static bool is_begun(const struct luaserve_response *r)
{
    return ls_answer_begun(r->e);
}

int luaserve_response_status(struct luaserve_response *r, int status)
{
    if (is_begun(r) || status < 200 || status > 599)
        return -1;
    r->call->reply->status = status;
    r->call->reply->used = true;
    return 0;
}

int luaserve_response_header(struct luaserve_response *r, const char *name, const char *value)
{
    size_t before = r->fields->len;
    if (is_begun(r) || ls_response_check(ls_slice_of(name), ls_slice_of(value)) < 0)
        return -1;
    ls_buffer_append(r->fields, name, strlen(name) + 1);
    ls_buffer_append(r->fields, value, strlen(value) + 1);
    if (!r->fields->failed)
        return 0;
    r->fields->len = before;
    r->fields->failed = false;
    return -1;
}

int luaserve_response_file(struct luaserve_response *r, const char *path)
{
    if (is_begun(r) || r->wrote || r->file->len > 0)
        return -1;
    ls_buffer_append(r->file, path, strlen(path) + 1);
    return r->file->failed ? -1 : 0;
}

/* What stands in r->fields goes where Lua handlers put it. The table has a list for each name. */
static void push_fields(lua_State *L, const struct luaserve_response *r)
{
    const char *at = r->fields->at, *end = at + r->fields->len;
    lua_newtable(L);
    while (at < end) {
        const char *name = at, *value = name + strlen(name) + 1;
        bool single = ls_slice_equal_nocase(ls_slice_of(name), LS_SLICE("content-type"));
        name = single ? "Content-Type" : name; /* one key, however it was written */
        if (single || lua_getfield(L, -1, name) != LUA_TTABLE) {
            lua_settop(L, lua_gettop(L) - !single);
            lua_newtable(L);
        }
        lua_pushstring(L, value);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        lua_setfield(L, -2, name);
        at = value + strlen(value) + 1;
    }
}

static void apply_fields(lua_State *L, const struct luaserve_response *r)
{
    if (r->fields->len == 0)
        return;
    push_fields(L, r);
    ls_reply_merge(L, r->call, true);
    lua_pop(L, 1);
}

static int begin(lua_State *L)
{
    struct luaserve_response *r = lua_touserdata(L, 1);
    int status = ls_reply_status(r->call);
    apply_fields(L, r);
    ls_reply_begin(L, r->call, status ? status : 200);
    return 0;
}

/* The head goes out, and what was written before. */
static void begin_stream(struct luaserve_response *r)
{
    if (is_begun(r))
        return;
    lua_pushcfunction(r->L, begin);
    lua_pushlightuserdata(r->L, r);
    r->failed = lua_pcall(r->L, 1, 0, 0) != LUA_OK;
    if (!r->failed)
        ls_answer_piece(r->e, (struct ls_slice) { r->content->at, r->content->len });
    ls_buffer_clear(r->content);
}

static void wait_for_client(struct luaserve_response *r, size_t most)
{
    while (!is_over(r) && r->e->out.bytes.len > most) {
        ls_engine_set_need(r->e, LS_NEED_OUTPUT, LS_PHASE_SEND, 0);
        ls_wait_here(ls_lua_of(r->L));
    }
}

static int gather(struct luaserve_response *r, struct ls_slice piece)
{
    size_t before = r->content->len;
    ls_buffer_slice(r->content, piece);
    if (!r->content->failed)
        return 0;
    r->content->len = before;
    r->content->failed = false;
    return -1;
}

int luaserve_response_write(struct luaserve_response *r, const void *bytes, size_t len)
{
    const struct ls_slice piece = { bytes, len };
    if (is_over(r) || r->file->len > 0)
        return -1;
    r->wrote = true;
    if (!is_begun(r) && len <= WHOLE - r->content->len)
        return gather(r, piece);
    begin_stream(r);
    if (is_over(r) || ls_answer_piece(r->e, piece) < 0)
        return -1;
    wait_for_client(r, STREAM_BLOCK);
    return is_over(r) ? -1 : 0;
}

int luaserve_response_flush(struct luaserve_response *r)
{
    if (is_over(r) || r->file->len > 0)
        return -1;
    begin_stream(r);
    wait_for_client(r, 0);
    return is_over(r) ? -1 : 0;
}

/* ---- the handler ---- */

static int push_file(lua_State *L, const struct luaserve_response *r)
{
    lua_newtable(L);
    lua_pushstring(L, r->file->at);
    lua_setfield(L, -2, "file");
    return 1;
}

/* What a Lua handler would return for it. */
static int push_answer(lua_State *L, const struct luaserve_response *r)
{
    if (is_begun(r)) {
        r->call->reply->used = true;
        return 0;
    }
    apply_fields(L, r);
    if (r->file->len > 0)
        return push_file(L, r);
    if (!r->wrote && ls_reply_status(r->call))
        return 0; /* its page */
    lua_pushlstring(L, r->content->len > 0 ? r->content->at : "", r->content->len);
    return 1;
}

static int push_result(lua_State *L, const struct luaserve_response *r, int result)
{
    if (r->failed)
        return lua_error(L);
    ls_wait_check(L);
    if (result == 0)
        return push_answer(L, r);
    if (is_begun(r) || (result != LUASERVE_NEXT && (result < 200 || result > 599)))
        return luaL_error(L, "the handler of %s returned %d%s", r->e->match.route->pattern, result,
                          is_begun(r) ? ", although it had written its response" : "");
    apply_fields(L, r);
    if (result == LUASERVE_NEXT)
        lua_rawgetp(L, LUA_REGISTRYINDEX, &ls_app_next);
    else
        lua_pushinteger(L, result);
    return 1;
}

/* All of the body is there. */
static int run(lua_State *L, struct ls_engine *e, bool over)
{
    const struct ls_native *native = lua_touserdata(L, lua_upvalueindex(1));
    struct luaserve_request request = { e };
    (void)over;
    luaL_checkstack(L, 20, NULL);
    struct luaserve_response r = { .L = L, .e = e, .call = e->handler };
    r.fields = ls_held_buffer(L);
    r.content = ls_held_buffer(L);
    r.file = ls_held_buffer(L);
    int result = native->handler(&request, &r, native->user);
    return push_result(L, &r, result);
}

static int call_native(lua_State *L)
{
    static const struct ls_content_reading whole = { ls_engine_read_body, NULL, run };
    return ls_content_read(L, &whole);
}

void ls_answering_push(lua_State *L, const struct ls_native *native)
{
    lua_pushlightuserdata(L, (void *)native);
    lua_pushcclosure(L, call_native, 1);
}
