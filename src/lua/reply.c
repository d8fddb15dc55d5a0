#include "lua/reply.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/answer.h"
#include "lua/view.h"
#include "lua/wait.h"
#include "os/net.h"

#define REPLY   "luaserve response"
#define HEADERS "luaserve response headers"

/* ---- res.headers: names in any case ---- */

/* The name in the table at 1 that is `name` but for its case; pushes it with its value. False: there
 * is none. */
static bool find_name(lua_State *L, struct ls_slice name)
{
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING &&
            ls_slice_equal_nocase(ls_slice_of(lua_tostring(L, -2)), name))
            return true;
        lua_pop(L, 1);
    }
    return false;
}

static int headers_index(lua_State *L)
{
    return lua_type(L, 2) == LUA_TSTRING && find_name(L, ls_slice_of(lua_tostring(L, 2)));
}

/* Called for a name that is not there as it is written. */
static int headers_newindex(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING && find_name(L, ls_slice_of(lua_tostring(L, 2)))) {
        lua_pop(L, 1);
        lua_pushnil(L);
        lua_rawset(L, 1);
    }
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

static void push_headers(lua_State *L, int view)
{
    view = lua_absindex(L, view);
    ((struct ls_view *)lua_touserdata(L, view))->fields = true;
    ls_view_fields(L, view);
    if (lua_getmetatable(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    luaL_setmetatable(L, HEADERS);
}

/* ---- res ---- */

static int reply_index(lua_State *L)
{
    struct ls_view *view = ls_view_check(L, REPLY);
    const char *key = lua_tostring(L, 2);
    if (key && strcmp(key, "status") == 0) {
        if (view->status == 0)
            return 0;
        lua_pushinteger(L, view->status);
        return 1;
    }
    if (key && strcmp(key, "headers") == 0) {
        push_headers(L, 1);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

static int reply_newindex(lua_State *L)
{
    struct ls_view *view = ls_view_check(L, REPLY);
    const char *key = luaL_checkstring(L, 2);
    if (strcmp(key, "status") != 0)
        return luaL_error(L, "res has no field \"%s\" to set (known: status)", key);
    int is_integer;
    lua_Integer status = lua_tointegerx(L, 3, &is_integer);
    if (!is_integer || status < 200 || status > 599)
        return luaL_error(L, "res.status is an integer from 200 to 599, not %s",
                          luaL_tolstring(L, 3, NULL));
    if (ls_answer_begun(view->e))
        return luaL_error(L, "the head of the response is sent already");
    view->status = (int)status;
    view->used = true;
    return 0;
}

void ls_reply_begin(lua_State *L, struct ls_call *call, int status)
{
    struct ls_engine *e = call->reply->e;
    if (ls_answer_begun(e))
        return;
    ls_reply_apply_headers(L, call);
    if (e->response.type.len == 0)
        ls_response_field(&e->response, LS_SLICE("Content-Type"),
                          LS_SLICE("text/html; charset=utf-8"));
    if (ls_answer_stream(e, status) < 0)
        luaL_error(L, "not enough memory");
    call->reply->used = true;
}

static void begin_stream(lua_State *L, struct ls_view *view)
{
    ls_reply_begin(L, view->e->handler, view->status ? view->status : 200);
}

enum {
    STREAM_BLOCK = 16 << 10, /* bytes gathered before a write waits for the client */
    HEARTBEAT = 15000000     /* µs: of events, unless it was said */
};

static int written(lua_State *L, int status, lua_KContext all)
{
    (void)status;
    struct ls_engine *e = ls_view_check(L, REPLY)->e;
    ls_wait_check(L);
    if (e->out.bytes.len < (all ? 1 : STREAM_BLOCK)) {
        ls_engine_enter_handler(e);
        ls_wait_check(L);
        lua_settop(L, 1);
        return 1;
    }
    ls_engine_set_need(e, LS_NEED_OUTPUT, LS_PHASE_SEND, 0);
    return ls_wait(L, all, written);
}

static int reply_write(lua_State *L)
{
    size_t len;
    struct ls_view *view = ls_view_check(L, REPLY);
    const char *text = luaL_checklstring(L, 2, &len);
    begin_stream(L, view);
    if (ls_answer_piece(view->e, (struct ls_slice) { text, len }) < 0)
        return luaL_error(L, "not enough memory");
    return written(L, LUA_OK, 0);
}

static int reply_flush(lua_State *L)
{
    struct ls_view *view = ls_view_check(L, REPLY);
    begin_stream(L, view);
    return written(L, LUA_OK, 1);
}

/* From now on the client is there, or has gone: who only waits, or sleeps, is told by what comes from it, and
 * by what it does not acknowledge. */
static void become_endless(struct ls_lua *lua, uint64_t heartbeat)
{
    struct ls_engine *e = lua->current;
    struct ls_call *call = e->handler;
    if (e->live != LS_LIVE_EVENTS)
        ls_net_patience(e->driver->socket(e->driver, e), e->limits.send_timeout);
    e->live = LS_LIVE_EVENTS;
    ls_lua_stay(lua);
    call->beat = heartbeat;
    call->beat_at = heartbeat > 0 ? ls_clock_us() + heartbeat : 0;
}

/* event(res, text[, heartbeat in µs]): a piece of an answer without end, and out with it. Then, whenever the
 * handler waits for so long, a comment (0: never). */
static int core_event(lua_State *L)
{
    size_t len;
    struct ls_view *view = ls_view_check(L, REPLY);
    struct ls_engine *e = view->e;
    const char *text = luaL_checklstring(L, 2, &len);
    uint64_t before = e->live == LS_LIVE_EVENTS ? ((struct ls_call *)e->handler)->beat : HEARTBEAT;
    begin_stream(L, view);
    become_endless(ls_lua_of(L), (uint64_t)luaL_optinteger(L, 3, (lua_Integer)before));
    if (e->pieces == LS_PIECES_DROPPED)
        return ls_call_enough(L, "the head is all that is sent"); /* to HEAD: it would never end */
    if (ls_answer_piece(e, (struct ls_slice) { text, len }) < 0)
        return luaL_error(L, "not enough memory");
    return written(L, LUA_OK, 1);
}

int ls_reply_status(const struct ls_call *call)
{
    return call->reply->status;
}

bool ls_reply_used(const struct ls_call *call)
{
    return call->reply->used;
}

/* ---- response fields ---- */

static int bad_field(lua_State *L, int err, const char *name)
{
    if (err == -EPERM)
        return luaL_error(L, "the header field \"%s\" is the server's own to set", name);
    return luaL_error(L, "the header field \"%s\" has a name or value that cannot be sent", name);
}

static void one_field(lua_State *L, struct ls_engine *e, struct ls_slice name, int value)
{
    size_t len;
    int type = lua_type(L, value);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        luaL_error(L, "the header field \"%s\" is a %s, not a string", name.at,
                   luaL_typename(L, value));
    const char *text = lua_tolstring(L, value, &len);
    int err = ls_response_field(&e->response, name, (struct ls_slice) { text, len });
    if (err < 0)
        bad_field(L, err, name.at);
}

void ls_reply_field(lua_State *L, struct ls_engine *e, const char *name, size_t len, int value)
{
    struct ls_slice slice = { name, len };
    value = lua_absindex(L, value);
    if (!lua_istable(L, value)) {
        one_field(L, e, slice, value);
        return;
    }
    for (lua_Integer i = 1; lua_geti(L, value, i) != LUA_TNIL; i++) {
        one_field(L, e, slice, lua_gettop(L));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void ls_reply_fields(lua_State *L, struct ls_engine *e)
{
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        size_t len;
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "a header field's name is a string, not a %s", luaL_typename(L, -2));
        const char *name = lua_tolstring(L, -2, &len);
        ls_reply_field(L, e, name, len, -1);
        lua_pop(L, 1);
    }
}

static void push_reply(lua_State *L, struct ls_call *call)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, call);
    lua_getiuservalue(L, -1, LS_VIEW_PARTNER);
    lua_remove(L, -2);
}

/* The Lua half puts the cookie of the session into res.headers. */
static void seal_session(lua_State *L, struct ls_call *call)
{
    if (!call->session || !ls_lua_provided(L, LS_PROVIDED_SEAL))
        return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, call);
    push_reply(L, call);
    lua_call(L, 2, 0);
}

void ls_reply_apply_headers(lua_State *L, struct ls_call *call)
{
    seal_session(L, call);
    if (!call->reply->fields)
        return;
    push_reply(L, call);
    if (lua_getiuservalue(L, -1, LS_VIEW_FIELDS) == LUA_TTABLE)
        ls_reply_fields(L, call->reply->e);
    lua_pop(L, 2);
}

bool ls_reply_merge(lua_State *L, struct ls_call *call, bool make)
{
    int given = lua_gettop(L);
    if (!make && !call->reply->fields)
        return false;
    push_reply(L, call);
    push_headers(L, given + 1);
    int headers = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, given)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_settable(L, headers);
    }
    lua_settop(L, given);
    return true;
}

bool ls_reply_pending(lua_State *L, struct ls_call *call)
{
    if (!call->reply->left)
        return false;
    call->reply->left = false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &call->reply);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &call->reply);
    return true;
}

/* leave(res, result): what a handler that returns nothing has for an answer. */
static int core_leave(lua_State *L)
{
    struct ls_view *view = ls_view_check(L, REPLY);
    if (ls_answer_begun(view->e))
        return luaL_error(L, "the head of the response is sent already");
    lua_settop(L, 2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &((struct ls_call *)view->e->handler)->reply);
    view->used = view->left = true;
    return 0;
}

/* type_of(name): the media type of a file of that name. */
static int core_type_of(lua_State *L)
{
    const struct ls_engine *e = ls_lua_of(L)->current;
    const struct ls_mime_map none = { NULL, 0 };
    struct ls_slice type =
        ls_mime_of(e ? &e->site->www.types : &none, ls_slice_of(luaL_checkstring(L, 1)));
    lua_pushlstring(L, type.at, type.len);
    return 1;
}

void ls_reply_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "leave", core_leave },
                                          { "type_of", core_type_of },
                                          { "event", core_event },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}

/* ---- making it ---- */

struct ls_view *ls_reply_push(lua_State *L, struct ls_engine *e)
{
    return ls_view_push(L, e, REPLY, 1);
}

static const char methods_key = 0;

void ls_reply_methods(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &methods_key);
}

void ls_reply_open(lua_State *L)
{
    static const luaL_Reg methods[] = { { "write", reply_write },
                                        { "flush", reply_flush },
                                        { NULL, NULL } };
    static const luaL_Reg headers[] = { { "__index", headers_index },
                                        { "__newindex", headers_newindex },
                                        { NULL, NULL } };
    luaL_newmetatable(L, HEADERS);
    luaL_setfuncs(L, headers, 0);
    luaL_newmetatable(L, REPLY);
    luaL_newlib(L, methods);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &methods_key);
    lua_pushcclosure(L, reply_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, reply_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 2);
}
