/* `req`, as handlers see it: a view of the engine's request at hand. What is asked for is made when
 * it is first asked for. */
#ifndef LS_LUA_REQUEST_H
#define LS_LUA_REQUEST_H

#include "lua/handler.h"

void ls_request_open(lua_State *L); /* metatables of req and res; inside a protected call */

/* Pushes req and res, which live until ls_request_end; then they say that the request is over. */
void ls_request_push(lua_State *L, struct ls_engine *e);
void ls_request_end(struct ls_call *call);

#endif
