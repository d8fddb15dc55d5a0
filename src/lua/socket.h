/* A WebSocket in the hands of a handler. As with connections (conn.h), what is here never waits. */
#ifndef LS_LUA_SOCKET_H
#define LS_LUA_SOCKET_H

#include "lua/state.h"

#define LS_SOCKET "luaserve websocket"

void ls_socket_open(lua_State *L); /* the type */
void ls_socket_methods(lua_State *L);
void ls_socket_core(lua_State *L); /* adds the functions for sockets.lua to the table on top */

#endif
