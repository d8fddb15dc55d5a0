/* app.json, over jansson: 64-bit integers stay whole, reading is strict, [] and {} stay apart. */
#ifndef LS_LUA_JSON_H
#define LS_LUA_JSON_H

#include "lua/state.h"

void ls_json_open(lua_State *L); /* pushes the table: encode, decode, null, array */

/* Pushes the text of the value at `index`; raises when it is none that JSON has. */
void ls_json_encode(lua_State *L, int index);

/* Pushes the value of the text and returns true, or a message and returns false. */
bool ls_json_decode(lua_State *L, struct ls_slice text);

#endif
