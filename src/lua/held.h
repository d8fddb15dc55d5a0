/* Buffers that the collector frees: for text that is built by C while Lua may raise. */
#ifndef LS_LUA_HELD_H
#define LS_LUA_HELD_H

#include <lua.h>

#include "base/buffer.h"

void ls_held_open(lua_State *L);

/* Pushes a userdata that owns an empty buffer. */
struct ls_buffer *ls_held_buffer(lua_State *L);

/* Pushes what the buffer holds, as a string, and frees the buffer. Raises when memory is short. */
void ls_held_push(lua_State *L, struct ls_buffer *held);

#endif
