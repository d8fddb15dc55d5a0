#include "lua/request.h"

#include <string.h>

#include "exchange/origin.h"
#include "http/uri.h"
#include "lua/json.h"
#include "lua/reply.h"
#include "lua/view.h"
#include "lua/wait.h"

#define REQUEST "luaserve request"

static void push_slice(lua_State *L, struct ls_slice text)
{
    lua_pushlstring(L, text.at ? text.at : "", text.len);
}

/* ---- fields of req ---- */

static void get_method(lua_State *L, struct ls_engine *e)
{
    push_slice(L, ls_span_slice(e->in.at, e->head.method_token));
}

static void get_path(lua_State *L, struct ls_engine *e)
{
    push_slice(L, e->target.path);
}

static void get_target(lua_State *L, struct ls_engine *e)
{
    push_slice(L, ls_span_slice(e->in.at, e->head.target));
}

static void get_version(lua_State *L, struct ls_engine *e)
{
    lua_pushfstring(L, "1.%d", (int)e->head.minor);
}

static void get_scheme(lua_State *L, struct ls_engine *e)
{
    (void)e;
    lua_pushliteral(L, "http");
}

static void get_host(lua_State *L, struct ls_engine *e)
{
    push_slice(L, ls_origin_host(e));
}

static void get_ip(lua_State *L, struct ls_engine *e)
{
    lua_pushstring(L, e->peer.ip);
}

static void get_port(lua_State *L, struct ls_engine *e)
{
    lua_pushinteger(L, e->peer.port);
}

static void get_id(lua_State *L, struct ls_engine *e)
{
    lua_pushstring(L, e->id);
}

static void get_route(lua_State *L, struct ls_engine *e)
{
    if (e->match.route)
        lua_pushstring(L, e->match.route->pattern);
    else
        lua_pushnil(L);
}

static void get_params(lua_State *L, struct ls_engine *e)
{
    const struct ls_route *route = e->match.route;
    lua_newtable(L);
    for (uint32_t i = 0; route && i < route->name_count; i++) {
        if (!e->match.captures[i].at)
            continue; /* its part is missing */
        push_slice(L, e->match.captures[i]);
        lua_setfield(L, -2, route->names[i]);
    }
}

static void push_lower(lua_State *L, const char *text, size_t len)
{
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, len);
    for (size_t i = 0; i < len; i++)
        out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
    luaL_pushresultsize(&b, len);
}

/* headers[name] for a name that is not in lower case. */
static int header_any_case(lua_State *L)
{
    size_t len;
    const char *name = lua_tolstring(L, 2, &len);
    if (!name)
        return 0;
    push_lower(L, name, len);
    lua_rawget(L, 1);
    return 1;
}

static void add_header(lua_State *L, struct ls_slice name, struct ls_slice value)
{
    push_lower(L, name.at, name.len);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) { /* table, name, nil */
        push_slice(L, value);
        lua_replace(L, -2);
        lua_rawset(L, -3);
    } else {
        lua_pop(L, 2); /* the first one counts */
    }
}

static void get_headers(lua_State *L, struct ls_engine *e)
{
    lua_createtable(L, 0, (int)e->head.count);
    for (uint32_t i = 0; i < e->head.count; i++)
        add_header(L, ls_span_slice(e->in.at, e->head.fields[i].name),
                   ls_span_slice(e->in.at, e->head.fields[i].value));
    if (luaL_newmetatable(L, "luaserve headers")) {
        lua_pushcfunction(L, header_any_case);
        lua_setfield(L, -2, "__index");
    }
    lua_setmetatable(L, -2);
}

static void push_decoded(lua_State *L, struct ls_slice text)
{
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, text.len + 1);
    int64_t len = ls_form_decode(text, out);
    if (len < 0) { /* a broken escape: the text as it came */
        memcpy(out, text.at, text.len);
        len = (int64_t)text.len;
    }
    luaL_pushresultsize(&b, (size_t)len);
}

static void get_query(lua_State *L, struct ls_engine *e)
{
    struct ls_slice rest = e->target.query, name, value;
    lua_newtable(L);
    while (rest.len > 0 && ls_form_next(&rest, &name, &value)) {
        push_decoded(L, name);
        lua_pushvalue(L, -1);
        bool first = lua_rawget(L, -3) == LUA_TNIL;
        lua_pop(L, 1);
        if (first) {
            push_decoded(L, value);
            lua_rawset(L, -3);
        } else {
            lua_pop(L, 1);
        }
    }
}

struct getter {
    const char *name;
    void (*push)(lua_State *L, struct ls_engine *e);
    bool cached; /* a table: the same one every time */
};

static const struct getter getters[] = {
    { "method", get_method, false },  { "path", get_path, false },
    { "target", get_target, false },  { "version", get_version, false },
    { "scheme", get_scheme, false },  { "host", get_host, false },
    { "ip", get_ip, false },          { "port", get_port, false },
    { "id", get_id, false },          { "params", get_params, true },
    { "headers", get_headers, true }, { "query", get_query, true },
    { "route", get_route, false },
};

/* The value on top is this field's from now on. */
static void cache(lua_State *L)
{
    ls_view_fields(L, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* Upvalue 1: name → index of a getter (integer), a method (function), or a list that holds a function
 * of req which gives the field. */
static int request_index(lua_State *L)
{
    struct ls_engine *e = ls_view_check(L, REQUEST)->e;
    if (lua_getiuservalue(L, 1, LS_VIEW_FIELDS) == LUA_TTABLE) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, -2) != LUA_TNIL)
            return 1;
    }
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, lua_upvalueindex(1));
    if (type == LUA_TTABLE) {
        lua_rawgeti(L, -1, 1);
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
        cache(L);
    } else if (type == LUA_TNUMBER) {
        const struct getter *g = &getters[lua_tointeger(L, -1)];
        g->push(L, e);
        if (g->cached)
            cache(L);
    }
    return 1;
}

static int request_newindex(lua_State *L)
{
    ls_view_check(L, REQUEST);
    ls_view_fields(L, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    return 0;
}

/* ---- the body ---- */

/* Ends the request with a status, as app.abort does. */
static int abort_with(lua_State *L, int status, const char *message)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "luaserve");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "abort");
    lua_pushinteger(L, status);
    lua_pushstring(L, message);
    lua_call(L, 2, 0);
    return 0;
}

/* Waits for the body, then goes on with `then`, which finds it in e->content. */
static int with_body(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    lua_CFunction then = (lua_CFunction)ctx;
    struct ls_engine *e = ls_view_check(L, REQUEST)->e;
    ls_wait_check(L);
    int got = ls_engine_read_body(e);
    if (got == 0)
        return ls_wait(L, ctx, with_body);
    if (got == -413)
        return abort_with(L, 413, NULL);
    if (got == -400)
        return abort_with(L, 400, "the body of the request is malformed or incomplete");
    ls_engine_enter_handler(e);
    ls_wait_check(L);
    return then(L);
}

static int content_text(lua_State *L)
{
    struct ls_engine *e = ls_view_check(L, REQUEST)->e;
    lua_pushlstring(L, e->content.at ? e->content.at : "", e->content.len);
    return 1;
}

static int request_body(lua_State *L)
{
    ls_view_check(L, REQUEST);
    return with_body(L, LUA_OK, (lua_KContext)content_text);
}

static bool is_soft(lua_State *L)
{
    return lua_istable(L, 2) && lua_getfield(L, 2, "soft") != LUA_TNIL && lua_toboolean(L, -1);
}

static int content_json(lua_State *L)
{
    struct ls_engine *e = ls_view_check(L, REQUEST)->e;
    bool soft = is_soft(L);
    if (ls_json_decode(L, (struct ls_slice) { e->content.at, e->content.len }))
        return 1;
    if (!soft)
        return abort_with(L, 400, lua_tostring(L, -1));
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int request_json(lua_State *L)
{
    ls_view_check(L, REQUEST);
    lua_settop(L, 2);
    return with_body(L, LUA_OK, (lua_KContext)content_json);
}

/* ---- making and ending it ---- */

void ls_request_push(lua_State *L, struct ls_engine *e)
{
    struct ls_call *call = e->handler;
    if (call->request) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, call);
        lua_getiuservalue(L, -1, LS_VIEW_PARTNER);
        return;
    }
    call->session = false;
    call->request = ls_view_push(L, e, REQUEST, 2);
    call->reply = ls_reply_push(L, e);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -3, LS_VIEW_PARTNER);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, call); /* req keeps res alive, and the registry req */
}

void ls_request_forget(lua_State *L, struct ls_call *call)
{
    if (!call->request)
        return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, call);
    lua_getiuservalue(L, -1, LS_VIEW_PARTNER);
    for (int value = LS_VIEW_FIELDS; value <= LS_VIEW_PARTNER; value++) {
        lua_pushnil(L);
        lua_setiuservalue(L, -2, value);
    }
    if (call->session && lua_getiuservalue(L, -2, LS_VIEW_FIELDS) == LUA_TTABLE) {
        lua_pushnil(L);
        lua_setfield(L, -2, "session");
    }
    call->reply->status = 0;
    call->session = false;
}

void ls_request_end(struct ls_call *call)
{
    if (call->request)
        call->request->e = NULL;
    if (call->reply)
        call->reply->e = NULL;
    call->request = call->reply = NULL;
}

static const char methods_key = 0;

void ls_request_methods(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &methods_key);
}

/* Name → index of a getter, or a method. */
static void push_members(lua_State *L)
{
    static const luaL_Reg methods[] = { { "body", request_body },
                                        { "json", request_json },
                                        { NULL, NULL } };
    luaL_newlib(L, methods);
    for (size_t i = 0; i < sizeof getters / sizeof *getters; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_setfield(L, -2, getters[i].name);
    }
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &methods_key);
}

void ls_request_open(lua_State *L)
{
    luaL_newmetatable(L, REQUEST);
    push_members(L);
    lua_pushcclosure(L, request_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, request_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 1);
    ls_reply_open(L);
}
