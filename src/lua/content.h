/* What handlers read of a request's body: all of it, as JSON, as a form, in pieces. Each ends the request
 * with 400 or 413 when it is not what it should be. */
#ifndef LS_LUA_CONTENT_H
#define LS_LUA_CONTENT_H

#include "lua/state.h"

/* The methods of req into the table on top of the stack. */
void ls_content_methods(lua_State *L);

/* What the Lua half needs of it, into the table on top of the stack. */
void ls_content_core(lua_State *L);

/* One way to read, of whoever is a method of something that holds the request. */
struct ls_content_reading {
    int (*more)(struct ls_engine *e);                  /* see reading.h */
    bool (*enough)(lua_State *L, struct ls_engine *e); /* asked before more comes; NULL: never */
    int (*then)(lua_State *L, struct ls_engine *e, bool over); /* what the call returns */
};

/* Reads until there is enough, or the body is over; waits as handlers do, so it is a function's last call,
 * whose arguments `enough` and `then` find on the stack. */
int ls_content_read(lua_State *L, const struct ls_content_reading *r);

struct ls_slice ls_content_there(const struct ls_engine *e); /* what has come, and was not taken */

#endif
