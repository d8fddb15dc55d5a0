#include "lua/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/answer.h"
#include "http/uri.h"
#include "lua/json.h"
#include "lua/wait.h"

#define REQUEST  "luaserve request"
#define RESPONSE "luaserve response"

struct ls_request_box {  /* userdata; user value 1: a table of what is cached or was set */
    struct ls_engine *e; /* NULL when the request is over */
    int status;          /* res.status */
    bool used;           /* res was set or written to */
};

enum { FIELDS = 1, PARTNER = 2 }; /* user values of req: its fields, and res to keep it alive */

static struct ls_engine *check_box(lua_State *L, const char *type)
{
    struct ls_request_box *box = luaL_checkudata(L, 1, type);
    if (!box->e)
        luaL_error(L, "this request is over");
    return box->e;
}

/* Pushes the box's table of fields, made when it is first needed. */
static void push_fields(lua_State *L, int index)
{
    if (lua_getiuservalue(L, index, FIELDS) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, FIELDS);
}

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
    if (e->target.authority.len > 0)
        push_slice(L, e->target.authority);
    else
        push_slice(L, ls_span_slice(e->in.at, e->head.host));
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

static void get_params(lua_State *L, struct ls_engine *e)
{
    lua_newtable(L);
    for (uint32_t i = 0; i < e->match.route->name_count; i++) {
        push_slice(L, e->match.captures[i]);
        lua_setfield(L, -2, e->match.route->names[i]);
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
};

/* Upvalue 1: name → index of a getter (integer), or a method (function). */
static int request_index(lua_State *L)
{
    struct ls_engine *e = check_box(L, REQUEST);
    if (lua_getiuservalue(L, 1, FIELDS) == LUA_TTABLE) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, -2) != LUA_TNIL)
            return 1;
    }
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNUMBER)
        return 1;
    const struct getter *g = &getters[lua_tointeger(L, -1)];
    g->push(L, e);
    if (g->cached) {
        push_fields(L, 1);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -3);
        lua_rawset(L, -3);
        lua_pop(L, 1);
    }
    return 1;
}

static int request_newindex(lua_State *L)
{
    check_box(L, REQUEST);
    push_fields(L, 1);
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
    struct ls_engine *e = check_box(L, REQUEST);
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
    struct ls_engine *e = check_box(L, REQUEST);
    lua_pushlstring(L, e->content.at ? e->content.at : "", e->content.len);
    return 1;
}

static int request_body(lua_State *L)
{
    check_box(L, REQUEST);
    return with_body(L, LUA_OK, (lua_KContext)content_text);
}

static bool is_soft(lua_State *L)
{
    return lua_istable(L, 2) && lua_getfield(L, 2, "soft") != LUA_TNIL && lua_toboolean(L, -1);
}

static int content_json(lua_State *L)
{
    struct ls_engine *e = check_box(L, REQUEST);
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
    check_box(L, REQUEST);
    lua_settop(L, 2);
    return with_body(L, LUA_OK, (lua_KContext)content_json);
}

/* ---- res ---- */

static int response_index(lua_State *L)
{
    struct ls_request_box *box = luaL_checkudata(L, 1, RESPONSE);
    check_box(L, RESPONSE);
    const char *key = lua_tostring(L, 2);
    if (key && strcmp(key, "status") == 0) {
        if (box->status == 0)
            return 0;
        lua_pushinteger(L, box->status);
        return 1;
    }
    if (key && strcmp(key, "headers") == 0) {
        push_fields(L, 1);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

static int response_newindex(lua_State *L)
{
    struct ls_request_box *box = luaL_checkudata(L, 1, RESPONSE);
    const char *key = luaL_checkstring(L, 2);
    check_box(L, RESPONSE);
    if (strcmp(key, "status") != 0)
        return luaL_error(L, "res has no field \"%s\" to set (known: status)", key);
    lua_Integer status = luaL_checkinteger(L, 3);
    luaL_argcheck(L, status >= 200 && status <= 599, 3, "a status is from 200 to 599");
    if (ls_answer_begun(box->e))
        return luaL_error(L, "the head of the response is sent already");
    box->status = (int)status;
    box->used = true;
    return 0;
}

static void begin_stream(lua_State *L, struct ls_request_box *box)
{
    struct ls_engine *e = box->e;
    if (ls_answer_begun(e))
        return;
    ls_request_apply_headers(L, e->handler);
    if (e->response.type.len == 0)
        ls_response_field(&e->response, LS_SLICE("Content-Type"),
                          LS_SLICE("text/html; charset=utf-8"));
    if (ls_answer_stream(e, box->status ? box->status : 200) < 0)
        luaL_error(L, "not enough memory");
    box->used = true;
}

enum { STREAM_BLOCK = 16 << 10 }; /* bytes gathered before a write waits for the client */

static int written(lua_State *L, int status, lua_KContext all)
{
    (void)status;
    struct ls_engine *e = check_box(L, RESPONSE);
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

static int response_write(lua_State *L)
{
    size_t len;
    struct ls_request_box *box = luaL_checkudata(L, 1, RESPONSE);
    const char *text = luaL_checklstring(L, 2, &len);
    check_box(L, RESPONSE);
    begin_stream(L, box);
    if (ls_answer_piece(box->e, (struct ls_slice) { text, len }) < 0)
        return luaL_error(L, "not enough memory");
    return written(L, LUA_OK, 0);
}

static int response_flush(lua_State *L)
{
    struct ls_request_box *box = luaL_checkudata(L, 1, RESPONSE);
    check_box(L, RESPONSE);
    begin_stream(L, box);
    return written(L, LUA_OK, 1);
}

int ls_request_status(const struct ls_call *call)
{
    return call->response->status;
}

bool ls_request_used(const struct ls_call *call)
{
    return call->response->used;
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

void ls_request_field(lua_State *L, struct ls_engine *e, const char *name, size_t len, int value)
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

void ls_request_apply_headers(lua_State *L, struct ls_call *call)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, call);
    lua_getiuservalue(L, -1, PARTNER);
    if (lua_getiuservalue(L, -1, FIELDS) == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            size_t len;
            if (lua_type(L, -2) != LUA_TSTRING)
                luaL_error(L, "a header field's name is a string, not a %s", luaL_typename(L, -2));
            const char *name = lua_tolstring(L, -2, &len);
            ls_request_field(L, call->response->e, name, len, -1);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 3);
}

/* ---- making and ending them ---- */

static struct ls_request_box *push_box(lua_State *L, struct ls_engine *e, const char *type,
                                       int values)
{
    struct ls_request_box *box = lua_newuserdatauv(L, sizeof *box, values);
    *box = (struct ls_request_box) { .e = NULL };
    luaL_setmetatable(L, type);
    box->e = e;
    return box;
}

void ls_request_push(lua_State *L, struct ls_engine *e)
{
    struct ls_call *call = e->handler;
    struct ls_request_box *request = push_box(L, e, REQUEST, 2);
    struct ls_request_box *response = push_box(L, e, RESPONSE, 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -3, PARTNER);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, call);
    call->request = request;
    call->response = response;
}

void ls_request_end(struct ls_lua *lua, struct ls_call *call)
{
    (void)lua;
    if (call->request)
        call->request->e = call->response->e = NULL;
    call->request = call->response = NULL;
}

static void push_members(lua_State *L, const luaL_Reg *methods, bool with_getters)
{
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    for (size_t i = 0; with_getters && i < sizeof getters / sizeof *getters; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_setfield(L, -2, getters[i].name);
    }
}

void ls_request_open(lua_State *L)
{
    static const luaL_Reg request[] = { { "body", request_body },
                                        { "json", request_json },
                                        { NULL, NULL } };
    static const luaL_Reg response[] = { { "write", response_write },
                                         { "flush", response_flush },
                                         { NULL, NULL } };
    luaL_newmetatable(L, REQUEST);
    push_members(L, request, true);
    lua_pushcclosure(L, request_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, request_newindex);
    lua_setfield(L, -2, "__newindex");
    luaL_newmetatable(L, RESPONSE);
    push_members(L, response, false);
    lua_pushcclosure(L, response_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, response_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 2);
}
