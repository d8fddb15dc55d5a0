/* What programs that analyse our source (spec/analyse.sh) cannot see in Lua's headers: these do not return. */
#ifndef ANALYSE_H
#define ANALYSE_H

#include <lauxlib.h>

LUALIB_API int(luaL_error)(lua_State *L, const char *format, ...) __attribute__((noreturn));
LUALIB_API int(luaL_argerror)(lua_State *L, int argument, const char *message)
    __attribute__((noreturn));
LUALIB_API int(luaL_typeerror)(lua_State *L, int argument, const char *type)
    __attribute__((noreturn));
LUA_API int(lua_error)(lua_State *L) __attribute__((noreturn));

#endif
