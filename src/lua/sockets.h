/* WebSockets in the hands of handlers: what sockets.lua calls. */
#ifndef LS_LUA_SOCKETS_H
#define LS_LUA_SOCKETS_H

#include "lua/state.h"

#define LS_SOCKET "luaserve websocket"

void ls_sockets_open(lua_State *L); /* the type */
void ls_sockets_methods(lua_State *L);
void ls_sockets_core(lua_State *L); /* adds the functions for sockets.lua to the table on top */

#endif
