#include "lua/interrupt.h"

#include "base/clock.h"

static const char *push_message(lua_State *L)
{
    const struct ls_lua *lua = ls_lua_of(L);
    switch (lua->interrupted) {
    case LS_INTERRUPT_CPU:
        return lua_pushliteral(L, "the handler used more than its CPU time and was interrupted");
    case LS_INTERRUPT_LEFT:
        return lua_pushliteral(L, "the client has left");
    case LS_INTERRUPT_EXIT:
        return lua_pushfstring(L, "os.exit(%d) ended the handler", lua->exit_status);
    default:
        return lua_pushliteral(L, "the handler took longer than its wall time and was interrupted");
    }
}

int ls_interrupt_error(lua_State *L)
{
    return luaL_error(L, "%s", push_message(L));
}

/* With the place of the function that runs, or of its caller where it is one of C's: a hook has no
 * level of its own. */
static int raise_here(lua_State *L, const char *text)
{
    luaL_where(L, 0);
    if (lua_rawlen(L, -1) == 0)
        luaL_where(L, 1);
    lua_pushstring(L, text);
    lua_concat(L, 2); /* an empty place stays below */
    return lua_error(L);
}

static void on_hook(lua_State *L, lua_Debug *at)
{
    (void)at;
    if (ls_lua_of(L)->interrupted)
        raise_here(L, push_message(L));
    else
        lua_sethook(L, NULL, 0, 0); /* left on a coroutine that outlived its request */
}

static void arm(lua_State *co)
{
    lua_sethook(co, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

void ls_interrupt_raise(struct ls_lua *lua, enum ls_interrupt why)
{
    lua_State *running = lua->running;
    if (!running)
        return;
    lua->interrupted = (sig_atomic_t)why;
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

void ls_interrupt_forgive(struct ls_lua *lua)
{
    if (!lua->interrupted || lua->interrupted == LS_INTERRUPT_EXIT)
        return;
    lua->interrupted = 0;
    if (lua->running)
        lua_sethook(lua->running, NULL, 0, 0);
}

/* ---- loading ---- */

enum { INSTRUCTIONS = 1000 }; /* between two looks at the clock */

/* Once it is late every further instruction raises, so that a pcall cannot go on. Coroutines
 * inherit the hook. */
static void on_load_hook(lua_State *L, lua_Debug *at)
{
    uint64_t until = ls_lua_of(L)->load_until;
    (void)at;
    if (until == 0) {
        lua_sethook(L, NULL, 0, 0); /* a coroutine that outlived the loading */
    } else if (ls_clock_us() >= until) {
        lua_sethook(L, on_load_hook, LUA_MASKCOUNT, 1);
        raise_here(L, "loading took longer than limits.load allows (an endless loop?)");
    }
}

void ls_interrupt_loading(struct ls_lua *lua, uint64_t until)
{
    lua->load_until = until;
    lua_sethook(lua->L, until > 0 ? on_load_hook : NULL, LUA_MASKCOUNT, INSTRUCTIONS);
}
