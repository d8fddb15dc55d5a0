/* What a handler returned, made an answer. */
#ifndef LS_LUA_RESULT_H
#define LS_LUA_RESULT_H

#include "lua/state.h"

/* The results stand from `first` to the top; `handler` is the function that returned them, for
 * messages. Raises when they are no answer. True: app.next, and nothing was answered. */
bool ls_result_answer(lua_State *L, struct ls_engine *e, int handler, int first);

#endif
