/* Tracebacks as users read them: without the frames of the server's own Lua (app.lua and its parts), and of what
 * C these call. */
#ifndef LS_LUA_TRACEBACK_H
#define LS_LUA_TRACEBACK_H

#include <lua.h>

/* Pushes the text of the error value at `index` of L, with the stack of `co` from `level` on below it, if there is
 * a frame to be shown. */
void ls_traceback(lua_State *L, lua_State *co, int index, int level);

#endif
