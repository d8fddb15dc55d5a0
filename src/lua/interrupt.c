#include "lua/interrupt.h"

int ls_interrupt_error(lua_State *L)
{
    return luaL_error(L, "the handler took longer than its wall time and was interrupted");
}

static void on_hook(lua_State *L, lua_Debug *at)
{
    (void)at;
    if (ls_lua_of(L)->interrupted)
        ls_interrupt_error(L);
    else
        lua_sethook(L, NULL, 0, 0); /* left on a coroutine that outlived its request */
}

static void arm(lua_State *co)
{
    lua_sethook(co, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

void ls_interrupt_raise(struct ls_lua *lua)
{
    lua_State *running = lua->running;
    if (!running)
        return;
    lua->interrupted = 1;
    arm(running);
}

/* `running` is set first and the flag read after: a signal between the two arms `co` itself. */
lua_State *ls_interrupt_enter(struct ls_lua *lua, lua_State *co)
{
    lua_State *before = lua->running;
    lua->running = co;
    if (lua->interrupted)
        arm(co);
    return before;
}

void ls_interrupt_leave(struct ls_lua *lua, lua_State *before)
{
    lua->running = before;
    if (before && lua->interrupted)
        arm(before);
}

bool ls_interrupt_over(struct ls_lua *lua, lua_State *co)
{
    bool was = lua->interrupted;
    lua->running = NULL;
    lua->interrupted = 0;
    if (was)
        lua_sethook(co, NULL, 0, 0);
    return was;
}
