/* What the status page shows (exchange/roster.h), and of what it is made: functions for status.lua. */
#ifndef LS_LUA_STATUS_H
#define LS_LUA_STATUS_H

#include <lua.h>

void ls_status_core(lua_State *L); /* into the table on top */

#endif
