/* What a config file sees and what ends it: see configfile.h. All three may raise, so they belong
 * inside a protected call. */
#ifndef LS_LUA_CONFIGENV_H
#define LS_LUA_CONFIGENV_H

#include <lua.h>

/* Opens the pure standard library in the state's own globals, and clears the stack. */
void ls_configenv_open(lua_State *L);

/* Pushes what stands in for the globals of a config file. */
void ls_configenv_push(lua_State *L);

/* Calls the function on top for one result; more than 10 million instructions raise. */
void ls_configenv_call(lua_State *L);

#endif
