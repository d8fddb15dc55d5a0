/* A handler in C at work: what it reads of the request, and how its answer comes about. */
#ifndef LS_LUA_ANSWERING_H
#define LS_LUA_ANSWERING_H

#include "lua/native.h"

/* Pushes a function that is a handler as any other, and calls that one. */
void ls_answering_push(lua_State *L, const struct ls_native *native);

#endif
