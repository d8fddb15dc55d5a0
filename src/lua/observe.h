/* What observers are told (exchange/observer.h): functions for observe.lua. */
#ifndef LS_LUA_OBSERVE_H
#define LS_LUA_OBSERVE_H

#include "lua/state.h"

void ls_observe_core(lua_State *L); /* into the table on top */

#endif
