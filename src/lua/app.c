#include "lua/app.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "lua/held.h"
#include "lua/json.h"
#include "lua/wait.h"

/* The Lua half, in asm/embed.asm by incbin. */
extern const char ls_app_source[] __attribute__((visibility("hidden")));
extern const char ls_app_source_end[] __attribute__((visibility("hidden")));

const char ls_app_next = 0, ls_app_abort = 0;

/* Raises at the place of the user's call, which is two levels up: a function of app.lua is
 * between. */
static int fail_at_caller(lua_State *L, const char *message)
{
    luaL_where(L, 2);
    lua_pushstring(L, message);
    lua_concat(L, 2);
    return lua_error(L);
}

static unsigned method_bit(lua_State *L, int index)
{
    size_t len;
    const char *name = luaL_checklstring(L, index, &len);
    enum ls_method method = ls_method_of((struct ls_slice) { name, len });
    if (method < LS_CONNECT)
        return 1u << method;
    lua_pushfstring(L, "%s: no method that can be routed: \"%s\"", lua_tostring(L, 4), name);
    return (unsigned)lua_error(L);
}

static unsigned method_bits(lua_State *L, int index)
{
    unsigned bits = 0;
    luaL_checktype(L, index, LUA_TTABLE);
    for (lua_Integer i = 1; lua_rawgeti(L, index, i) != LUA_TNIL; i++) {
        bits |= method_bit(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return bits;
}

static uint64_t own_limit(lua_State *L, const char *name)
{
    lua_getfield(L, 5, name);
    uint64_t limit = (uint64_t)luaL_optinteger(L, -1, 0);
    lua_pop(L, 1);
    return limit;
}

/* route(methods, pattern, handler, where, limits): in bytes and microseconds. */
static int core_route(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    struct ls_route route = { .methods = method_bits(L, 1) };
    size_t len;
    const char *pattern = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, strlen(pattern) == len, 2, "a pattern cannot hold a NUL");
    route.pattern = (char *)pattern; /* copied by the router */
    route.where = (char *)luaL_checkstring(L, 4);
    luaL_checktype(L, 5, LUA_TTABLE);
    route.own = (struct ls_limits) { .body = own_limit(L, "body"),
                                     .wall = own_limit(L, "wall"),
                                     .cpu = own_limit(L, "cpu"),
                                     .memory = own_limit(L, "memory"),
                                     .body_timeout = own_limit(L, "body_timeout"),
                                     .send_timeout = own_limit(L, "send_timeout") };
    if (lua->serving)
        return luaL_error(L, "routes can be added only while the scripts load");
    lua_pushvalue(L, 3);
    route.handler = luaL_ref(L, LUA_REGISTRYINDEX);
    struct ls_buffer *why = ls_held_buffer(L);
    int err = ls_router_add(lua->router, &route, why);
    if (err == -ENOMEM)
        return luaL_error(L, "not enough memory");
    ls_held_push(L, why);
    if (err == 0)
        return 0;
    lua_pushfstring(L, "%s: %s", route.where, lua_tostring(L, -1));
    return lua_error(L);
}

static int core_escape(lua_State *L)
{
    size_t len;
    const char *text = luaL_tolstring(L, 1, &len);
    struct ls_buffer *out = ls_held_buffer(L);
    ls_escape_html((struct ls_slice) { text, len }, out);
    ls_held_push(L, out);
    return 1;
}

/* log(level, text) */
static int core_log(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    size_t len;
    const char *level = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &len);
    enum ls_log_level parsed;
    if (ls_log_level_of(ls_slice_of(level), &parsed) < 0)
        return luaL_error(L, "no log level: %s", level);
    if (lua->current)
        ls_log(lua->log, parsed, "%s %s", lua->current->id, text);
    else
        ls_log(lua->log, parsed, "%s", text);
    return 0;
}

static int slept(lua_State *L, int status, lua_KContext until)
{
    (void)status;
    struct ls_engine *e = ls_lua_of(L)->current;
    ls_wait_check(L);
    if (ls_clock_us() < (uint64_t)until) {
        ls_engine_set_need(e, LS_NEED_TIME, LS_PHASE_HANDLER, (uint64_t)until);
        return ls_wait(L, until, slept);
    }
    return 0;
}

/* sleep(microseconds) */
static int core_sleep(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    lua_Integer us = luaL_checkinteger(L, 1);
    luaL_argcheck(L, us >= 0, 1, "a sleep is not negative");
    if (!lua->current)
        return fail_at_caller(L, "app.sleep is only for handlers");
    return slept(L, LUA_OK, (lua_KContext)(ls_clock_us() + (uint64_t)us));
}

static const luaL_Reg core[] = { { "route", core_route },
                                 { "escape", core_escape },
                                 { "log", core_log },
                                 { "sleep", core_sleep },
                                 { NULL, NULL } };

void ls_app_open(lua_State *L, const char *version)
{
    size_t len = (size_t)(ls_app_source_end - ls_app_source);
    if (luaL_loadbufferx(L, ls_app_source, len, "=luaserve", "t") != LUA_OK)
        lua_error(L);
    luaL_newlib(L, core);
    ls_json_open(L);
    lua_setfield(L, -2, "json");
    lua_pushstring(L, version);
    lua_setfield(L, -2, "version");
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &ls_app_next);
    lua_setfield(L, -2, "next");
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &ls_app_abort);
    lua_setfield(L, -2, "abort");
    lua_call(L, 1, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_insert(L, -2);
    lua_setfield(L, -2, "luaserve");
    lua_pop(L, 1);
}
