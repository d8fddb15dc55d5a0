/* `res`, as handlers see it: the status and the fields that they set before the answer, and the
 * answer that they write piece by piece. */
#ifndef LS_LUA_REPLY_H
#define LS_LUA_REPLY_H

#include "lua/handler.h"

void ls_reply_open(lua_State *L); /* its metatable; inside a protected call */
struct ls_view *ls_reply_push(lua_State *L, struct ls_engine *e);

/* The status that the handler set; 0: none. Whether it used `res` at all. */
int ls_reply_status(const struct ls_call *call);
bool ls_reply_used(const struct ls_call *call);

/* Puts what res.headers holds into e->response. Raises at a bad field. */
void ls_reply_apply_headers(lua_State *L, struct ls_call *call);

/* One header field into e->response: the value at `value`, or each of a list of values. Raises at
 * a bad one, naming it. */
void ls_reply_field(lua_State *L, struct ls_engine *e, const char *name, size_t len, int value);

/* The same for each pair of the table on top of the stack. */
void ls_reply_fields(lua_State *L, struct ls_engine *e);

#endif
