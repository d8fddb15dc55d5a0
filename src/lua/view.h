/* A userdata that lets Lua look at a request while it lasts, and no longer. */
#ifndef LS_LUA_VIEW_H
#define LS_LUA_VIEW_H

#include "lua/state.h"

struct ls_view {
    struct ls_engine *e; /* NULL when the request is over */
    int status;          /* res.status; 0: not set */
    bool used;           /* res was set or written to */
    bool fields;         /* of res: res.headers has been looked at, and may hold something */
    bool left;           /* of res: it holds a result that was left in it */
};

/* User values: a table of what is cached or was set; what has to live as long. */
enum { LS_VIEW_FIELDS = 1, LS_VIEW_PARTNER = 2 /* of req alone: res */ };

struct ls_view *ls_view_push(lua_State *L, struct ls_engine *e, const char *type, int values);

/* Argument 1, which has to be of that type and of a request that lasts. */
struct ls_view *ls_view_check(lua_State *L, const char *type);

struct ls_view *ls_view_check_at(lua_State *L, int index,
                                 const char *type); /* the same elsewhere */

/* Pushes the table of fields, made when it is first needed. */
void ls_view_fields(lua_State *L, int index);

#endif
