#include "lua/observe.h"

#include "exchange/exposition.h"
#include "exchange/observer.h"
#include "lua/held.h"
#include "os/notation.h"
#include "lua/status.h"

static int core_is_observer(lua_State *L)
{
    lua_pushboolean(L, ls_observer_is(ls_lua_current(L)));
    return 1;
}

/* metrics(): the counters, as text; and its type. */
static int core_metrics(lua_State *L)
{
    const struct ls_lua *lua = ls_lua_of(L);
    const struct ls_site *site = ls_lua_current(L)->site;
    struct ls_headcount clients = { .phases = { 0 } };
    struct ls_buffer *text = ls_held_buffer(L);
    site->count_clients(site->count_clients_of, &clients);
    if (ls_exposition(lua->commons, lua->number, &clients, text) < 0)
        return luaL_error(L, "not enough memory");
    ls_held_push(L, text);
    lua_pushliteral(L, LS_EXPOSITION_TYPE);
    return 2;
}

/* trace(id): the syscalls of a request, as text; nil where nothing is known of it; false where none are
 * recorded. */
static int core_trace(lua_State *L)
{
    const struct ls_commons *commons = ls_lua_of(L)->commons;
    size_t len;
    const char *id = luaL_checklstring(L, 1, &len);
    uint64_t number;
    if (!commons || !commons->ledgers) {
        lua_pushboolean(L, 0);
        return 1;
    }
    if (!ls_request_parse((struct ls_slice) { id, len }, &number))
        return 0;
    struct ls_buffer *text = ls_held_buffer(L);
    if (ls_notation_request(text, commons->ledgers, number) == 0)
        return 0;
    ls_held_push(L, text);
    return 1;
}

void ls_observe_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "is_observer", core_is_observer },
                                          { "metrics", core_metrics },
                                          { "trace", core_trace },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
    ls_status_core(L);
}
