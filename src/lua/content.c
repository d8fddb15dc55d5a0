#include "lua/content.h"

#include <errno.h>

#include "exchange/reading.h"
#include "lua/json.h"
#include "lua/pairs.h"
#include "lua/request.h"
#include "lua/wait.h"

enum { READ_MOST = 1 << 20, BLOCK = 64 << 10 };

static struct ls_engine *engine_of(lua_State *L)
{
    return ls_lua_of(L)->current;
}

static int malformed(lua_State *L)
{
    return ls_request_abort(L, 400, "the body of the request is malformed or incomplete");
}

static int go_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    const struct ls_content_reading *r = (const struct ls_content_reading *)ctx;
    struct ls_engine *e;
    int got = LS_BODY_MORE;
    ls_wait_check(L);
    e = engine_of(L);
    while (got == LS_BODY_MORE && !(r->enough && r->enough(L, e)))
        got = r->more(e);
    if (got == LS_BODY_WAITS)
        return ls_wait(L, ctx, go_on);
    if (got == -413)
        return ls_request_abort(L, 413, NULL);
    if (got == -400)
        return malformed(L);
    ls_engine_enter_handler(e);
    ls_wait_check(L);
    return r->then(L, e, got == LS_BODY_OVER);
}

int ls_content_read(lua_State *L, const struct ls_content_reading *r)
{
    return go_on(L, LUA_OK, (lua_KContext)r);
}

struct ls_slice ls_content_there(const struct ls_engine *e)
{
    return (struct ls_slice) { e->content.at ? e->content.at : "", e->content.len };
}

/* ---- all of it ---- */

static int give_text(lua_State *L, struct ls_engine *e, bool over)
{
    (void)over;
    lua_pushlstring(L, ls_content_there(e).at, ls_content_there(e).len);
    return 1;
}

static int request_body(lua_State *L)
{
    static const struct ls_content_reading whole = { ls_engine_read_body, NULL, give_text };
    ls_request_check(L);
    return ls_content_read(L, &whole);
}

static bool is_soft(lua_State *L)
{
    return lua_istable(L, 2) && lua_getfield(L, 2, "soft") != LUA_TNIL && lua_toboolean(L, -1);
}

static int give_json(lua_State *L, struct ls_engine *e, bool over)
{
    (void)over;
    bool soft = is_soft(L);
    if (ls_json_decode(L, ls_content_there(e)))
        return 1;
    if (!soft)
        return ls_request_abort(L, 400, lua_tostring(L, -1));
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int request_json(lua_State *L)
{
    static const struct ls_content_reading json = { ls_engine_read_body, NULL, give_json };
    ls_request_check(L);
    lua_settop(L, 2);
    return ls_content_read(L, &json);
}

/* ---- as a form ---- */

static int give_pairs(lua_State *L, struct ls_engine *e, bool over)
{
    (void)over;
    const char *wrong = ls_pairs_list(L, ls_content_there(e));
    if (wrong)
        return ls_request_abort(L, 400, lua_pushfstring(L, "the form has %s", wrong));
    return 1;
}

/* form_pairs(req): name, value, name, value … of application/x-www-form-urlencoded. */
static int core_form_pairs(lua_State *L)
{
    static const struct ls_content_reading form = { ls_engine_read_body, NULL, give_pairs };
    ls_request_check(L);
    lua_settop(L, 1);
    return ls_content_read(L, &form);
}

/* ---- in pieces ---- */

static bool has_enough(lua_State *L, struct ls_engine *e)
{
    return e->content.len >= (size_t)lua_tointeger(L, 2);
}

static int give_piece(lua_State *L, struct ls_engine *e, bool over)
{
    size_t len = (size_t)lua_tointeger(L, 2);
    (void)over;
    if (e->content.len == 0) {
        lua_pushnil(L);
        return 1;
    }
    if (len > e->content.len)
        len = e->content.len;
    lua_pushlstring(L, e->content.at, len);
    ls_buffer_drop(&e->content, len);
    return 1;
}

/* req:read(n) */
static int request_read(lua_State *L)
{
    static const struct ls_content_reading piece = { ls_engine_read_more, has_enough, give_piece };
    ls_request_check(L);
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 1 && n <= READ_MOST, 2, "from 1 to 1048576 bytes");
    lua_settop(L, 2);
    return ls_content_read(L, &piece);
}

/* has_body(): is there any, read or not? */
static int core_has_body(lua_State *L)
{
    const struct ls_engine *e = engine_of(L);
    lua_pushboolean(L, !e->body.done || e->body.taken > 0);
    return 1;
}

/* form_most(): bytes that a form which is held in memory may have. */
static int core_form_most(lua_State *L)
{
    const struct ls_limits *limits = &engine_of(L)->limits;
    uint64_t quarter = limits->memory / 4;
    lua_pushinteger(L, (lua_Integer)(limits->body < quarter ? limits->body : quarter));
    return 1;
}

/* ---- */

void ls_content_methods(lua_State *L)
{
    static const luaL_Reg methods[] = {
        { "body", request_body }, { "json", request_json }, { "read", request_read }, { NULL, NULL }
    };
    luaL_setfuncs(L, methods, 0);
}

void ls_content_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "form_pairs", core_form_pairs },
                                          { "form_most", core_form_most },
                                          { "has_body", core_has_body },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}
