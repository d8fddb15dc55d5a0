/* app.shared: see exchange/store.h. */
#ifndef LS_LUA_DICTS_H
#define LS_LUA_DICTS_H

#include "lua/state.h"

void ls_dicts_open(lua_State *L); /* the type */
void ls_dicts_core(lua_State *L); /* adds the functions for shared.lua to the table on top */

#endif
