/* Lua's values as they are shared by processes: strings, numbers, booleans, and tables as JSON. */
#ifndef LS_LUA_VALUES_H
#define LS_LUA_VALUES_H

#include <lua.h>

#include "exchange/value.h"

/* The value at `index`, whose bytes live as long as it stands there (a table is replaced by its JSON). Raises
 * when it cannot be shared. */
struct ls_value ls_values_take(lua_State *L, int index);
void ls_values_push(lua_State *L, const struct ls_value *value);

#endif
