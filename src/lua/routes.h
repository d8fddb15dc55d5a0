/* What scripts say of routes while they load, and what stands around handlers: hooks, error handlers,
 * and who is asked where there is no route. */
#ifndef LS_LUA_ROUTES_H
#define LS_LUA_ROUTES_H

#include "lua/state.h"

struct ls_lua_handler {
    int function; /* registry reference */
    int around; /* of a function that is called with it, req and res in its place; LUA_NOREF: none */
};

/* The functions that app.lua uses, into the table on top of the stack. */
void ls_routes_open(lua_State *L);

#endif
