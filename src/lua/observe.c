#include "lua/observe.h"

#include "exchange/observer.h"

static int core_is_observer(lua_State *L)
{
    lua_pushboolean(L, ls_observer_is(ls_lua_current(L)));
    return 1;
}

/* metrics(): the counters, as text. */
static int core_metrics(lua_State *L)
{
    lua_pushliteral(L, "");
    return 1;
}

void ls_observe_core(lua_State *L, const struct ls_lua_options *options)
{
    static const luaL_Reg functions[] = { { "is_observer", core_is_observer },
                                          { "metrics", core_metrics },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
    lua_pushstring(L, options->status);
    lua_setfield(L, -2, "status_at");
    lua_pushstring(L, options->metrics);
    lua_setfield(L, -2, "metrics_at");
}
