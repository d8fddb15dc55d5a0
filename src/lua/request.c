#include "lua/request.h"

#include <string.h>

#include "exchange/origin.h"
#include "http/chars.h"
#include "http/cookie.h"
#include "http/uri.h"
#include "lua/content.h"
#include "lua/held.h"
#include "lua/pairs.h"
#include "lua/reply.h"
#include "lua/view.h"

static void push_slice(lua_State *L, struct ls_slice text)
{
    lua_pushlstring(L, text.at ? text.at : "", text.len);
}

struct ls_engine *ls_request_check(lua_State *L)
{
    return ls_view_check(L, LS_REQUEST)->e;
}

/* ---- fields of req ---- */

int ls_request_abort(lua_State *L, int status, const char *message)
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
    push_slice(L, ls_origin_of(e).scheme);
}

static void get_host(lua_State *L, struct ls_engine *e)
{
    push_slice(L, ls_origin_of(e).host);
}

static void get_ip(lua_State *L, struct ls_engine *e)
{
    push_slice(L, ls_origin_of(e).ip);
}

static void get_port(lua_State *L, struct ls_engine *e)
{
    lua_pushinteger(L, ls_origin_of(e).port);
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

static void get_query(lua_State *L, struct ls_engine *e)
{
    const char *wrong = ls_pairs_first(L, e->target.query);
    if (wrong)
        ls_request_abort(L, 400, lua_pushfstring(L, "the query has %s", wrong));
}

static void get_cookies(lua_State *L, struct ls_engine *e)
{
    ls_pairs_cookies(L, ls_head_value(&e->head, e->in.at, LS_SLICE("Cookie")));
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
    { "route", get_route, false },    { "cookies", get_cookies, true },
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
    struct ls_engine *e = ls_view_check(L, LS_REQUEST)->e;
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

/* What takes the place of the session goes into its cookie as well; nil is one without anything. */
static void replace_session(lua_State *L)
{
    lua_getfield(L, 1, "session");
    lua_settop(L, 3);
    if (lua_isnil(L, 3)) {
        lua_newtable(L);
        lua_replace(L, 3);
    }
}

static int request_newindex(lua_State *L)
{
    ls_view_check(L, LS_REQUEST);
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "session") == 0)
        replace_session(L);
    ls_view_fields(L, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    return 0;
}

/* ---- all values of a name ---- */

static struct ls_slice check_name(lua_State *L)
{
    size_t len;
    const char *name = luaL_checklstring(L, 2, &len);
    return (struct ls_slice) { name, len };
}

/* req:queries(name) */
static int request_queries(lua_State *L)
{
    struct ls_engine *e = ls_view_check(L, LS_REQUEST)->e;
    const char *wrong = ls_pairs_all(L, e->target.query, check_name(L));
    if (wrong)
        return ls_request_abort(L, 400, lua_pushfstring(L, "the query has %s", wrong));
    return 1;
}

/* req:header_values(name): a value for each field line. */
static int request_header_values(lua_State *L)
{
    struct ls_engine *e = ls_view_check(L, LS_REQUEST)->e;
    struct ls_slice name = check_name(L);
    lua_newtable(L);
    uint32_t at = ls_head_find(&e->head, e->in.at, 0, name);
    for (lua_Integer i = 1; at < e->head.count; i++) {
        push_slice(L, ls_span_slice(e->in.at, e->head.fields[at].value));
        lua_rawseti(L, -2, i);
        at = ls_head_find(&e->head, e->in.at, at + 1, name);
    }
    return 1;
}

/* ---- for the Lua half ---- */

/* note_session(req): its session was looked at, and is to be sealed. */
static int core_note_session(lua_State *L)
{
    struct ls_view *view = ls_view_check(L, LS_REQUEST);
    ((struct ls_call *)view->e->handler)->session = true;
    return 0;
}

/* is_https(): did the client come by https, as far as is known? */
static int core_is_https(lua_State *L)
{
    const struct ls_engine *e = ls_lua_of(L)->current;
    lua_pushboolean(L, e && ls_slice_equal(ls_origin_of(e).scheme, LS_SLICE("https")));
    return 1;
}

/* is_token(text) */
static int core_is_token(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, len > 0 && ls_chars_token((struct ls_slice) { text, len }) == len);
    return 1;
}

/* cookie_attribute(text): may it be one? */
static int core_cookie_attribute(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, ls_cookie_attribute((struct ls_slice) { text, len }));
    return 1;
}

/* cookie_encode(text) */
static int core_cookie_encode(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    struct ls_buffer *out = ls_held_buffer(L);
    ls_cookie_encode((struct ls_slice) { text, len }, out);
    ls_held_push(L, out);
    return 1;
}

void ls_request_core(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "note_session", core_note_session },   { "is_https", core_is_https },
        { "is_token", core_is_token },           { "cookie_attribute", core_cookie_attribute },
        { "cookie_encode", core_cookie_encode }, { NULL, NULL }
    };
    luaL_setfuncs(L, functions, 0);
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
    call->request = ls_view_push(L, e, LS_REQUEST, 2);
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
    lua_pushnil(L);
    lua_setiuservalue(L, -2, LS_VIEW_FIELDS);
    call->reply->fields = call->reply->left = false;
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
    static const luaL_Reg methods[] = { { "queries", request_queries },
                                        { "header_values", request_header_values },
                                        { NULL, NULL } };
    luaL_newlib(L, methods);
    ls_content_methods(L);
    for (size_t i = 0; i < sizeof getters / sizeof *getters; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_setfield(L, -2, getters[i].name);
    }
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &methods_key);
}

void ls_request_open(lua_State *L)
{
    luaL_newmetatable(L, LS_REQUEST);
    push_members(L);
    lua_pushcclosure(L, request_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, request_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 1);
    ls_reply_open(L);
}
