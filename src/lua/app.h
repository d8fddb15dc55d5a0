/* require "luaserve": the module that scripts see. Its Lua half is app.lua; this is the C half,
 * which app.lua is given as a table of functions. */
#ifndef LS_LUA_APP_H
#define LS_LUA_APP_H

#include "lua/state.h"

enum { LS_APP_PARTS = 21 }; /* files of the Lua half */

/* Compiles them in a state of its own, so that the compiler's garbage does not lie in the memory that every
 * fork hands on; nor, with `strip`, lines and names for debuggers. 0 or -ENOMEM. */
int ls_app_compile(struct ls_buffer code[LS_APP_PARTS], bool strip);

/* Puts the module into package.loaded; of the options it wants `version`, `natives` and `program`. Inside a
 * protected call. */
void ls_app_open(lua_State *L, const struct ls_lua_options *options);

/* The other options, before scripts run. The same. */
void ls_app_configure(lua_State *L, const struct ls_lua_options *options);

/* All scripts have run: hooks and error handlers are put around the handlers. The same. */
void ls_app_settle(lua_State *L);

/* Addresses in the registry that mark special values. */
extern const char ls_app_files; /* key of the value that answers with the files of the route */
extern const char ls_app_next;  /* key of the value app.next */
extern const char ls_app_abort; /* metatable of what app.abort raises: { status, message } */

#endif
