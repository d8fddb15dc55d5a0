#include "lua/view.h"

struct ls_view *ls_view_push(lua_State *L, struct ls_engine *e, const char *type, int values)
{
    struct ls_view *view = lua_newuserdatauv(L, sizeof *view, values);
    *view = (struct ls_view) { .e = e };
    luaL_setmetatable(L, type);
    return view;
}

struct ls_view *ls_view_check_at(lua_State *L, int index, const char *type)
{
    struct ls_view *view = luaL_checkudata(L, index, type);
    if (!view->e)
        luaL_error(L, "this request is over");
    return view;
}

struct ls_view *ls_view_check(lua_State *L, const char *type)
{
    return ls_view_check_at(L, 1, type);
}

void ls_view_fields(lua_State *L, int index)
{
    if (lua_getiuservalue(L, index, LS_VIEW_FIELDS) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, index, LS_VIEW_FIELDS);
}
