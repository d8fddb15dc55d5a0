/* The texts of the templates, as the Lua half compiles them. */
#ifndef LS_LUA_TEMPLATES_H
#define LS_LUA_TEMPLATES_H

#include "lua/state.h"

/* Pushes a table: name relative to the folder → text. NULL: an empty one. Raises what cannot be read. */
void ls_templates_push(lua_State *L, const char *folder);

#endif
