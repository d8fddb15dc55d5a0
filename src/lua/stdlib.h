/* The few functions of Lua's standard library that have to know that they run in a server:
 * os.exit, math.randomseed, coroutine.resume, wrap and close. All others are stock. */
#ifndef LS_LUA_STDLIB_H
#define LS_LUA_STDLIB_H

#include "lua/state.h"

/* After luaL_openlibs; inside a protected call. In a program's state os.exit is Lua's own where no handler runs. */
void ls_stdlib_open(lua_State *L);
void ls_stdlib_reseed(struct ls_lua *lua); /* random numbers of this process's own */

#endif
