/* A handler that has failed: what went wrong goes into the log, and the client gets an answer. */
#ifndef LS_LUA_FAILURE_H
#define LS_LUA_FAILURE_H

#include "lua/state.h"

/* The handler's coroutine has ended with `status` (of lua_resume), or has yielded where it must not. Its
 * stack is unwound. False: the client is answered, with 500, with 503 where memory or time ran out, or as
 * app.abort says; or cut off, where part of an answer is out. True: error handlers are to be asked;
 * call->problem says for what. */
bool ls_failure_answer(struct ls_lua *lua, struct ls_engine *e, int status);

#endif
