/* The user's scripts: each *.lua of the folder runs once, in the order of the names' bytes.
 * Folders in it never run by themselves; `lib` is where require looks first. */
#ifndef LS_LUA_SCRIPTS_H
#define LS_LUA_SCRIPTS_H

#include "lua/state.h"

/* Inside a protected call; raises what a script raises, or why the folder cannot be read. */
void ls_scripts_run(lua_State *L, const char *folder);

#endif
