/* What a handler returned, made an answer. */
#ifndef LS_LUA_RESULT_H
#define LS_LUA_RESULT_H

#include "lua/state.h"

/* The results stand from `first` to the top. Raises when they are no answer: a message that begins
 * with "returned", or says what of them cannot be sent. True: app.next, nothing was answered. */
bool ls_result_answer(lua_State *L, struct ls_engine *e, int first);

#endif
