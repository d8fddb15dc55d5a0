/* app.channel: see exchange/channel.h. Nothing here waits; channels.lua does. */
#ifndef LS_LUA_CHANNELS_H
#define LS_LUA_CHANNELS_H

#include "lua/state.h"

void ls_channels_open(lua_State *L); /* the types */
void ls_channels_core(lua_State *L); /* adds the functions for channels.lua to the table on top */

/* The connection is over: its handler's subscriptions end. */
void ls_channels_forget(struct ls_lua *lua, const struct ls_engine *e);

#endif
