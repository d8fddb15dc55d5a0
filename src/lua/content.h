/* What handlers read of a request's body: all of it, as JSON, as a form; in pieces; part by part. Each
 * ends the request with 400, 413 or 415 when it is not what it should be. */
#ifndef LS_LUA_CONTENT_H
#define LS_LUA_CONTENT_H

#include "lua/state.h"

/* The methods of req into the table on top of the stack. */
void ls_content_methods(lua_State *L);

/* What the Lua half needs of it, into the table on top of the stack. */
void ls_content_core(lua_State *L);

#endif
