/* The module for Lua programs: `require "luaserve"` in any Lua 5.4. src/lua/program.lua is its other half. */
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "luaserve.h"
#include "os/sys.h"
#include "server/server.h"
#include "server/supervisor.h"

const bool ls_states_are_programs = true;

struct program {
    struct luaserve *server; /* NULL: it has ended */
    bool in_service;         /* luaserve_service was called: once */
    bool stopped;            /* by steps that came to its end */
    bool busy; /* it is being started, or runs: what Lua does then is called from there */
};

/* Keys in the registry: of struct program, and of the table that scripts hold. */
static const char program_key = 0, app_key = 0;

/* The results of all functions: what they have to say; or nil and why not. */
static int failed(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

static struct program *program_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* NULL when the program's server can be asked for something; else why not. */
static const char *reason_against(const struct program *p)
{
    if (!p->server)
        return "the server has ended";
    if (p->server->now->lua->serving)
        return "this is for the program, and not for handlers";
    return p->busy ? "the server is just being started" : NULL;
}

static const char *reason_against_start(const struct program *p)
{
    const char *why = reason_against(p);
    return !why && p->server->life != LS_NOT_STARTED ? "the server was started already" : why;
}

static const char *reason_against_step(const struct program *p)
{
    const char *why = reason_against(p);
    return !why && p->server->life == LS_NOT_STARTED ? "the server was not started" : why;
}

/* Finalizers that run meanwhile find that it has ended. */
static void end(struct program *p)
{
    struct luaserve *s = p->server;
    p->server = NULL;
    p->busy = false;
    luaserve_free(&s);
}

/* ---- starting ---- */

/* By the text at 1, if there is one, which messages call `name`. */
static int configure(lua_State *L, const struct program *p, const char *name,
                     struct luaserve_error *error)
{
    const char *text = luaL_optstring(L, 1, NULL);
    return text ? luaserve_config_text(p->server, text, name, NULL, error) : 0;
}

/* Before it began to load the server can begin anew, with another configuration: the routes are still there. */
static int give_up(lua_State *L, struct program *p, const struct luaserve_error *error)
{
    p->busy = false;
    ls_recipe_free(&p->server->recipe);
    if (ls_generation_reset(p->server->now) < 0)
        end(p);
    return failed(L, error->text);
}

/* Whoever started us without one of them: nothing else may take its place. */
static void fill_standard_descriptors(void)
{
    const struct ls_open_how how = { .flags = O_RDWR };
    int fd = ls_sys_openat2(AT_FDCWD, "/dev/null", &how, sizeof how);
    while (fd >= 0 && fd <= 2)
        fd = ls_sys_openat2(AT_FDCWD, "/dev/null", &how, sizeof how);
    if (fd >= 0)
        ls_sys_close(fd);
}

static void print_ready(const struct luaserve *s)
{
    const char *url;
    printf("luaserve %s listening on", luaserve_version());
    for (size_t i = 0; (url = luaserve_address(s, i)) != NULL; i++)
        printf(" %s", url);
    printf("\n");
    fflush(stdout);
}

/* Those of the server that came too late for it are not to end the program. */
static void restore_mask(uint64_t mask)
{
    const uint64_t ours = ls_supervisor_signals() & ~mask;
    const struct timespec at_once = { 0, 0 };
    while (ls_sys_rt_sigtimedwait(&ours, NULL, &at_once) > 0)
        ;
    ls_sys_rt_sigprocmask(SIG_SETMASK, &mask, NULL);
}

static int serve(struct luaserve *s, struct luaserve_error *error)
{
    uint64_t mask;
    ls_sys_rt_sigprocmask(SIG_SETMASK, NULL, &mask);
    luaserve_handle_signals(s);
    int err = luaserve_start(s, error);
    if (err == 0) {
        print_ready(s);
        err = luaserve_run(s, error);
    }
    restore_mask(mask);
    return err;
}

/* run([text]): configured by the text, as the command does; back when it has stopped. A script that it loads
 * may say the same. */
static int run(lua_State *L)
{
    struct program *p = program_of(L);
    struct luaserve_error error;
    const char *why = reason_against_start(p);
    if (p->server && p->busy && !p->server->now->lua->serving)
        return 0;
    if (why)
        return failed(L, why);
    p->busy = true;
    fill_standard_descriptors();
    if (configure(L, p, "app:run", &error) < 0 ||
        (!p->in_service && luaserve_service(p->server, &error) < 0))
        return give_up(L, p, &error);
    p->in_service = true;
    if (luaserve_listen(p->server, &error) < 0)
        return give_up(L, p, &error);
    int err = serve(p->server, &error);
    end(p);
    return err < 0 ? failed(L, error.text) : 0;
}

static int push_urls(lua_State *L, const struct luaserve *s)
{
    const char *url;
    lua_newtable(L);
    for (size_t i = 0; (url = luaserve_address(s, i)) != NULL; i++) {
        lua_pushstring(L, url);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* start([text]): the URLs. */
static int start(lua_State *L)
{
    struct program *p = program_of(L);
    struct luaserve_error error;
    const char *why = reason_against_start(p);
    if (why)
        return failed(L, why);
    p->busy = true;
    if (configure(L, p, "app:start", &error) < 0 || luaserve_start(p->server, &error) < 0)
        return give_up(L, p, &error);
    p->busy = false;
    return push_urls(L, p->server);
}

/* ---- while it runs ---- */

/* step(milliseconds): does it run on? */
static int step(lua_State *L)
{
    struct program *p = program_of(L);
    struct luaserve_error error;
    lua_Integer most = luaL_checkinteger(L, 1);
    const char *why = p->stopped ? NULL : reason_against_step(p);
    if (why)
        return failed(L, why);
    int more =
        p->stopped ? 0 : luaserve_step(p->server, most < INT32_MAX ? (int)most : INT32_MAX, &error);
    if (more < 0)
        return failed(L, error.text);
    if (more == 0 && !p->stopped) {
        p->stopped = true;
        end(p);
    }
    lua_pushboolean(L, more);
    return 1;
}

static int descriptor(lua_State *L)
{
    const struct program *p = program_of(L);
    const char *why = reason_against_step(p);
    int fd = why ? -1 : luaserve_fd(p->server);
    if (fd < 0)
        return failed(L, why ? why : "the server has stopped");
    lua_pushinteger(L, fd);
    return 1;
}

static int stop(lua_State *L)
{
    const struct program *p = program_of(L);
    const char *why = reason_against_step(p);
    if (why)
        return failed(L, why);
    luaserve_stop(p->server);
    return 0;
}

/* ---- require ---- */

static const luaL_Reg functions[] = { { "run", run },       { "start", start }, { "step", step },
                                      { "fd", descriptor }, { "stop", stop },   { NULL, NULL } };

static int collect(lua_State *L)
{
    end(lua_touserdata(L, 1));
    return 0;
}

static struct program *keep_program(lua_State *L)
{
    struct program *p = lua_newuserdatauv(L, sizeof *p, 0);
    *p = (struct program) { .server = NULL };
    lua_newtable(L);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &program_key);
    return p;
}

/* Before anything has changed. */
static void check_libraries(lua_State *L)
{
    static const char *const names[] = {
        "coroutine", "debug", "io", "math", "os", "string", "table"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (lua_getglobal(L, names[i]) != LUA_TTABLE)
            luaL_error(L, "luaserve needs Lua's library \"%s\"", names[i]);
        lua_pop(L, 1);
    }
}

LUASERVE_API int luaopen_luaserve(lua_State *L);

/* A state has one server: whoever opens the module again gets the same one. */
int luaopen_luaserve(lua_State *L)
{
    struct luaserve_error error;
    luaL_checkversion(L);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &app_key) != LUA_TNIL)
        return 1;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &program_key) != LUA_TNIL)
        return luaL_error(L, "luaserve could not be loaded into this state before");
    check_libraries(L);
    struct program *p = keep_program(L);
    p->server = luaserve_new(&error);
    if (!p->server || ls_generation_adopt(p->server->now, L, functions, p, &error) < 0)
        return luaL_error(L, "%s", error.text);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "luaserve");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &app_key);
    return 1;
}
