/* What must not be guessed: signatures (HMAC-SHA256, RFC 2104), random bytes, hashes of passwords
 * (crypt(5)), comparison in constant time. */
#ifndef LS_LUA_SECRET_H
#define LS_LUA_SECRET_H

#include "base/slice.h"
#include "lua/state.h"

enum { LS_SECRETS = 16, LS_SECRET_MADE = 32 /* bytes of one that is made up */ };

struct ls_secrets { /* the first one signs, all are believed */
    struct ls_slice all[LS_SECRETS];
    size_t count;
    bool made_up; /* by this server, since nobody gave one */
};

/* The functions that the Lua half uses, into the table on top of the stack. */
void ls_secret_open(lua_State *L);

#endif
