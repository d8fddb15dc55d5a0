/* The one way in which a handler waits.
 *
 * A binding says what is needed (ls_engine_set_need), then ends with `return ls_wait(L, ctx, k)`;
 * `k` goes on when the need is met, looks again and perhaps waits once more. Under a driver that
 * yields, the handler's own coroutine is left, if it can be; everywhere else the driver blocks. */
#ifndef LS_LUA_WAIT_H
#define LS_LUA_WAIT_H

#include "lua/state.h"

int ls_wait(lua_State *L, lua_KContext ctx, lua_KFunction k);

/* The same for those that nobody can leave, and that nothing may be raised through: blocks under every driver. */
void ls_wait_here(struct ls_lua *lua);

/* To be called first by every continuation: raises when the client is gone or the handler has
 * been interrupted. */
void ls_wait_check(lua_State *L);

#endif
