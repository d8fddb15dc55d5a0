/* The parts of multipart/form-data, one after the other, as they come: what forms.lua makes req:parts of. */
#ifndef LS_LUA_PARTS_H
#define LS_LUA_PARTS_H

#include "lua/state.h"

/* What the Lua half needs of it, into the table on top of the stack. */
void ls_parts_core(lua_State *L);

#endif
