/* Routes whose handlers the program around the server has in C (luaserve_route), and what else it does to a
 * Lua state (luaserve_on_state). They run where Lua handlers run, with the same hooks around them. */
#ifndef LS_LUA_NATIVE_H
#define LS_LUA_NATIVE_H

#include "lua/state.h"
#include "luaserve.h"

struct ls_native {
    struct ls_native *next;
    unsigned methods; /* bit 1 << enum ls_method */
    luaserve_handler *handler;
    void *user;
    char pattern[];
};

struct ls_natives { /* of a server: all its states have them */
    struct ls_native *first, **end;
    void (*prepare)(lua_State *L, void *user); /* NULL: nothing is done */
    void *user;
};

/* 0; -ENOMEM; -EINVAL: no methods that can be routed, or no pattern, and *why says so. */
int ls_natives_add(struct ls_natives *all, const struct ls_native *native, const char *methods,
                   const char *pattern, const char **why);
void ls_natives_free(struct ls_natives *all);

/* What the Lua half needs of them, into the table on top; and, when scripts are about to run, what the
 * program does to the state. Inside a protected call; NULL: there are none. */
void ls_natives_core(lua_State *L, const struct ls_natives *all);
void ls_natives_prepare(lua_State *L, const struct ls_natives *all);

#endif
