#include "lua/held.h"

#include <lauxlib.h>

#define HELD "luaserve buffer"

static int release(lua_State *L)
{
    ls_buffer_free(luaL_checkudata(L, 1, HELD));
    return 0;
}

void ls_held_open(lua_State *L)
{
    luaL_newmetatable(L, HELD);
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

struct ls_buffer *ls_held_buffer(lua_State *L)
{
    struct ls_buffer *held = lua_newuserdatauv(L, sizeof *held, 0);
    *held = (struct ls_buffer) { 0 };
    luaL_setmetatable(L, HELD);
    return held;
}

void ls_held_push(lua_State *L, struct ls_buffer *held)
{
    if (held->failed)
        luaL_error(L, "not enough memory");
    lua_pushlstring(L, held->at ? held->at : "", held->len);
    ls_buffer_free(held);
}
