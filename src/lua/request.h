/* `req`, as handlers see it: a view of the engine's request at hand. What is asked for is made when
 * it is first asked for. */
#ifndef LS_LUA_REQUEST_H
#define LS_LUA_REQUEST_H

#include "lua/handler.h"

#define LS_REQUEST "luaserve request" /* the metatable's name */

/* The engine of argument 1, which has to be the req of a request that lasts. */
struct ls_engine *ls_request_check(lua_State *L);

/* Ends the request with a status, as app.abort does. */
int ls_request_abort(lua_State *L, int status, const char *message);

void ls_request_open(lua_State *L); /* metatables of req and res; inside a protected call */

void ls_request_core(lua_State *L);    /* what the Lua half needs of it, into the table on top */
void ls_request_methods(lua_State *L); /* pushes the table of its methods and fields */

/* Pushes req and res, which live until ls_request_end; then they say that the request is over. */
void ls_request_push(lua_State *L, struct ls_engine *e);
void ls_request_end(struct ls_call *call);

/* What was set of the response and of the session is as it was in the beginning. */
void ls_request_forget(lua_State *L, struct ls_call *call);

#endif
