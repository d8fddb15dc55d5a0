/* `req` and `res`, as handlers see them. Both are views of the engine's request at hand: what is
 * asked for is made when it is first asked for, and after the request they say that it is over. */
#ifndef LS_LUA_REQUEST_H
#define LS_LUA_REQUEST_H

#include "lua/handler.h"

void ls_request_open(lua_State *L); /* metatables; inside a protected call */

/* Pushes req and res. They are kept alive until ls_request_end. */
void ls_request_push(lua_State *L, struct ls_engine *e);
void ls_request_end(struct ls_lua *lua, struct ls_call *call);

/* The status that the handler set in `res`; 0: none. Whether it used `res` at all. */
int ls_request_status(const struct ls_call *call);
bool ls_request_used(const struct ls_call *call);

/* Puts what res.headers holds into e->response. Raises at a bad field. */
void ls_request_apply_headers(lua_State *L, struct ls_call *call);

/* One header field into e->response, the value at the top of the stack or a list of values.
 * Raises at a bad one, naming it. */
void ls_request_field(lua_State *L, struct ls_engine *e, const char *name, size_t len, int value);

#endif
