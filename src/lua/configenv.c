#include "lua/configenv.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

enum { INSTRUCTIONS = 10000000 }; /* of the Lua machine; well under a second */

/* Once over the bound every further instruction raises, so that a pcall cannot go on. */
static void end_loop(lua_State *L, lua_Debug *ar)
{
    lua_sethook(L, end_loop, LUA_MASKCOUNT, 1);
    lua_getinfo(L, "Sl", ar);
    lua_pushfstring(L, "%s:%d: the file does not come to an end (an endless loop?)", ar->short_src,
                    ar->currentline);
    lua_error(L);
}

static int read_variable(lua_State *L)
{
    lua_pushstring(L, getenv(luaL_checkstring(L, 2)));
    return 1;
}

static int refuse_variable(lua_State *L)
{
    return luaL_error(L, "env is read-only");
}

static int read_global(lua_State *L)
{
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1))
        return 1;
    return luaL_error(L, "unknown global %s (there is env and the pure standard library)",
                      luaL_tolstring(L, 2, NULL));
}

/* How the value would stand in the table; what is no plain constant is left out. */
static const char *as_written(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
    case LUA_TBOOLEAN:
        return luaL_tolstring(L, index, NULL);
    case LUA_TSTRING:
        return lua_pushfstring(L, "\"%s\"", lua_tostring(L, index));
    default:
        return "...";
    }
}

static int refuse_global(lua_State *L)
{
    const char *name = luaL_tolstring(L, 2, NULL);
    return luaL_error(L,
                      "%s is assigned as a global, which sets nothing: the file must "
                      "return a table, return { %s = %s }",
                      name, name, as_written(L, 3));
}

/* setmetatable without __gc: a finalizer would run when no hook can end it. */
static int set_metatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "a config file cannot have finalizers (__gc)");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* In place of the table on top: an empty one that `read` and `write` stand in for. */
static void push_proxy(lua_State *L, lua_CFunction read, lua_CFunction write)
{
    const luaL_Reg metamethods[] = { { "__newindex", write }, { NULL, NULL } };
    lua_newtable(L);
    luaL_newlib(L, metamethods);
    lua_rotate(L, -3, -1);
    lua_pushcclosure(L, read, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

static void copy_basics(lua_State *L, int globals, int library)
{
    static const char *const names[] = {
        "assert", "error",    "getmetatable", "ipairs", "math",   "next",     "pairs",
        "pcall",  "rawequal", "rawget",       "rawlen", "rawset", "select",   "string",
        "table",  "tonumber", "tostring",     "type",   "utf8",   "_VERSION",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getfield(L, globals, names[i]);
        lua_setfield(L, library, names[i]);
    }
    lua_pushcfunction(L, set_metatable);
    lua_setfield(L, library, "setmetatable");
}

void ls_configenv_open(lua_State *L)
{
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    lua_settop(L, 0);
}

void ls_configenv_push(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_newtable(L);
    copy_basics(L, lua_gettop(L) - 1, lua_gettop(L));
    lua_remove(L, -2);
    lua_newtable(L);
    push_proxy(L, read_variable, refuse_variable);
    lua_setfield(L, -2, "env");
    push_proxy(L, read_global, refuse_global);
}

void ls_configenv_call(lua_State *L)
{
    lua_sethook(L, end_loop, LUA_MASKCOUNT, INSTRUCTIONS);
    lua_call(L, 0, 1);
    lua_sethook(L, NULL, 0, 0);
}
