#include "lua/stdlib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lua/interrupt.h"
#include "os/sys.h"

/* Calls the function that is the first upvalue with all arguments, for its results. */
static int call_original(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* os.exit([code]): as Lua's, but ends the request, and the worker where that serves one client, and no
 * exit handler that was the supervisor's runs. While scripts load it is a mistake. */
static int os_exit(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    int status = EXIT_SUCCESS;
    if (lua->of_program && !lua->serving && lua->load_until == 0)
        return call_original(L);
    if (lua_isboolean(L, 1))
        status = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
    else
        status = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
    if (!lua->serving)
        return luaL_error(L, "os.exit while the scripts load: raise an error instead");
    if (lua->quit)
        lua->quit(lua->quit_ctx, status & 0xff);
    lua->exit_status = status & 0xff;
    ls_interrupt_raise(lua, LS_INTERRUPT_EXIT);
    return ls_interrupt_error(L);
}

/* os.execute and io.popen as Lua's; but where a worker may start no program the C library makes
 * something else of the kernel's EPERM, and what it was is said here. */
static int start_program(lua_State *L)
{
    const struct ls_lua *lua = ls_lua_of(L);
    if (lua->serving && lua->alone && !lua_isnoneornil(L, 1)) {
        errno = EPERM;
        return luaL_fileresult(L, 0, NULL);
    }
    return call_original(L);
}

/* The field `name` of the table on top of the stack is that function from now on, with what it was. */
static void put_before(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

static void random_pair(lua_Integer pair[2])
{
    if (ls_sys_getrandom(pair, 2 * sizeof *pair, 0) < 0)
        pair[0] = ls_sys_getpid(), pair[1] = (lua_Integer)(uintptr_t)pair;
}

/* math.randomseed([x [, y]]): without arguments Lua takes the time, the same one in siblings. */
static int math_randomseed(lua_State *L)
{
    if (lua_gettop(L) == 0) {
        lua_Integer pair[2];
        random_pair(pair);
        lua_pushinteger(L, pair[0]);
        lua_pushinteger(L, pair[1]);
    }
    return call_original(L);
}

/* The numbers' state, which the functions of math, on top of the stack, share: four words, each of which may be anything as
 * long as not all are 0. NULL in a Lua that keeps it otherwise. */
static void *random_state(lua_State *L)
{
    static const char kept = 0; /* key of the function: as long as it is there, so is the state */
    int top = lua_gettop(L);
    lua_getfield(L, -1, "random");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &kept);
    void *state = lua_getupvalue(L, -1, 1) ? lua_touserdata(L, -1) : NULL;
    if (state && lua_rawlen(L, -1) != 4 * sizeof(uint64_t))
        state = NULL;
    lua_settop(L, top);
    return state;
}

/* Without Lua, which would touch more pages than this one. */
void ls_stdlib_reseed(struct ls_lua *lua)
{
    uint64_t words[4];
    if (!lua->random || ls_sys_getrandom(words, sizeof words, 0) != sizeof words ||
        (words[0] | words[1] | words[2] | words[3]) == 0)
        return;
    memcpy(lua->random, words, sizeof words);
}

/* Runs `co` with the `given` values on top of L. True: its results are on top of L, `*got` of
 * them; false: its error is. Nothing raises between enter and leave. */
static bool run_coroutine(lua_State *L, lua_State *co, int given, int *got)
{
    struct ls_lua *lua = ls_lua_of(L);
    if (!lua_checkstack(co, given)) {
        lua_pushliteral(L, "too many arguments to resume");
        return false;
    }
    if (lua_status(co) == LUA_OK && lua_gettop(co) == 0) {
        lua_pushliteral(L, "cannot resume dead coroutine");
        return false;
    }
    lua_xmove(L, co, given);
    lua_State *before = ls_interrupt_enter(lua, co);
    int status = lua_resume(co, L, given, got);
    ls_interrupt_leave(lua, before);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return false;
    }
    if (!lua_checkstack(L, *got + 1)) {
        lua_pop(co, *got);
        lua_pushliteral(L, "too many results to resume");
        return false;
    }
    lua_xmove(co, L, *got);
    return true;
}

static lua_State *check_coroutine(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

static int coroutine_resume(lua_State *L)
{
    lua_State *co = check_coroutine(L);
    int got = 0;
    bool well = run_coroutine(L, co, lua_gettop(L) - 1, &got);
    int values = well ? got : 1;
    lua_pushboolean(L, well);
    lua_insert(L, -(values + 1));
    return values + 1;
}

static int close_coroutine(lua_State *L, lua_State *co)
{
    lua_State *before = ls_interrupt_enter(ls_lua_of(L), co);
    int status = lua_resetthread(co);
    ls_interrupt_leave(ls_lua_of(L), before);
    return status;
}

static int wrapped(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int got = 0;
    if (run_coroutine(L, co, lua_gettop(L), &got))
        return got;
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD) { /* it failed: its pending variables close */
        if (close_coroutine(L, co) != LUA_OK) {
            lua_pop(L, 1);
            lua_xmove(co, L, 1);
        }
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int coroutine_wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

/* May `co` be closed: is it suspended with nothing running in it, or dead? */
static bool closable(lua_State *L, lua_State *co)
{
    lua_Debug at;
    if (co == L)
        return false;
    return lua_status(co) != LUA_OK || lua_getstack(co, 0, &at) == 0;
}

static int coroutine_close(lua_State *L)
{
    lua_State *co = check_coroutine(L);
    if (!closable(L, co))
        return luaL_error(L, "cannot close a %s coroutine", co == L ? "running" : "normal");
    if (close_coroutine(L, co) == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return 2;
}

void ls_stdlib_open(lua_State *L)
{
    static const luaL_Reg coroutines[] = { { "resume", coroutine_resume },
                                           { "wrap", coroutine_wrap },
                                           { "close", coroutine_close },
                                           { NULL, NULL } };
    lua_getglobal(L, "coroutine");
    luaL_setfuncs(L, coroutines, 0);
    lua_getglobal(L, "os");
    put_before(L, "exit", os_exit);
    put_before(L, "execute", start_program);
    lua_getglobal(L, "io");
    put_before(L, "popen", start_program);
    lua_getglobal(L, "math");
    ls_lua_of(L)->random = random_state(L);
    put_before(L, "randomseed", math_randomseed);
    lua_pop(L, 4);
}
