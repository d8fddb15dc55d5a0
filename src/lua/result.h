/* What a handler returned, made an answer. */
#ifndef LS_LUA_RESULT_H
#define LS_LUA_RESULT_H

#include "lua/state.h"

enum { LS_RESULT_NEXT = -1 }; /* app.next: what res holds of headers is in e->response */

/* The results stand from `first` to the top. Raises when they are no answer: a message that begins
 * with "returned", or says what of them cannot be sent. 0: it is answered; LS_RESULT_NEXT; > 0: the
 * page of this status is wanted, error handlers may give it, and its headers are kept in res. */
int ls_result_answer(lua_State *L, struct ls_engine *e, int first);

#endif
