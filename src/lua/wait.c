#include "lua/wait.h"

#include <errno.h>
#include <string.h>

#include "lua/handler.h"
#include "lua/interrupt.h"

void ls_wait_check(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    if (lua->interrupted)
        ls_interrupt_error(L);
    if (!lua->current || lua->current->gone)
        luaL_error(L, "the client has gone");
}

static int block(struct ls_lua *lua)
{
    struct ls_engine *e = lua->current;
    if (e->streaming)
        ls_interrupt_forgive(lua); /* it has come to a wait, if late */
    int err = e->driver->block(e->driver, e, &e->need);
    return err == -EINTR ? 0 : err;
}

void ls_wait_here(struct ls_lua *lua)
{
    lua->waits++;
    if (block(lua) < 0)
        ls_engine_gone(lua->current);
    ls_engine_enter_handler(lua->current);
}

int ls_wait(lua_State *L, lua_KContext ctx, lua_KFunction k)
{
    struct ls_lua *lua = ls_lua_of(L);
    struct ls_engine *e = lua->current;
    struct ls_call *call = e->handler;
    lua->waits++;
    if (e->driver->yields && L == call->thread && lua_isyieldable(L)) {
        call->waits = true;
        return lua_yieldk(L, 0, ctx, k);
    }
    int err = block(lua);
    if (err < 0 && e->need.kind == LS_NEED_EVENTS)
        return luaL_error(L, "cannot wait: %s", strerror(-err));
    if (err < 0)
        ls_engine_gone(e);
    ls_engine_enter_handler(e);
    return k(L, LUA_OK, ctx);
}
