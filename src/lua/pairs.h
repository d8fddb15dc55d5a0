/* name=value pairs as Lua tables: of a query, of a form that is encoded as one
 * (application/x-www-form-urlencoded), of cookies. */
#ifndef LS_LUA_PAIRS_H
#define LS_LUA_PAIRS_H

#include "base/slice.h"
#include "lua/state.h"

enum { LS_PAIRS = 1000 }; /* of one query or form, at most */

/* Pushes name → first value. NULL; or what is wrong, for a 400, and nothing is pushed: a broken escape,
 * text that is not UTF-8 or holds NUL, more than LS_PAIRS pairs. */
const char *ls_pairs_first(lua_State *L, struct ls_slice text);

/* Pushes a list: name, value, name, value … As above. */
const char *ls_pairs_list(lua_State *L, struct ls_slice text);

/* Pushes the list of all values of that name. As above. */
const char *ls_pairs_all(lua_State *L, struct ls_slice text, struct ls_slice name);

/* Pushes name → first value of Cookie's value, decoded where it can be. */
void ls_pairs_cookies(lua_State *L, struct ls_slice field);

#endif
