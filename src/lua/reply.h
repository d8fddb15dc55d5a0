/* `res`, as handlers see it: the status and the fields that they set before the answer, and the
 * answer that they write piece by piece. */
#ifndef LS_LUA_REPLY_H
#define LS_LUA_REPLY_H

#include "lua/handler.h"

void ls_reply_open(lua_State *L);    /* its metatable; inside a protected call */
void ls_reply_core(lua_State *L);    /* what the Lua half needs of it, into the table on top */
void ls_reply_methods(lua_State *L); /* pushes the table of its methods */
struct ls_view *ls_reply_push(lua_State *L, struct ls_engine *e);

/* The status that the handler set; 0: none. Whether it used `res` at all. */
int ls_reply_status(const struct ls_call *call);
bool ls_reply_used(const struct ls_call *call);

/* Pushes the result that res:file or res:render has left, and forgets it. False: none has. */
bool ls_reply_pending(lua_State *L, struct ls_call *call);

/* Takes the pairs of the table on top of the stack over into res.headers, in place of what has the same
 * names there. False, and nothing is done: there is no res.headers yet, and it is not to be made. */
bool ls_reply_merge(lua_State *L, struct ls_call *call, bool make);

/* The head of a response that is written piece by piece, unless it is out. Raises. */
void ls_reply_begin(lua_State *L, struct ls_call *call, int status);

/* Puts what res.headers holds into e->response, once the session is in it. Raises at a bad field. */
void ls_reply_apply_headers(lua_State *L, struct ls_call *call);

/* One header field into e->response: the value at `value`, or each of a list of values. Raises at
 * a bad one, naming it. */
void ls_reply_field(lua_State *L, struct ls_engine *e, const char *name, size_t len, int value);

/* The same for each pair of the table on top of the stack. */
void ls_reply_fields(lua_State *L, struct ls_engine *e);

#endif
