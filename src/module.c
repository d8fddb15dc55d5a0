/* The module for Lua programs: `require "luaserve"` in any Lua 5.4. src/lua/program.lua is its other half. */
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>

#include "luaserve.h"
#include "os/sys.h"
#include "server/server.h"

struct program {
    struct luaserve *server; /* NULL: it has ended */
    uint64_t mask;           /* as it was before the server took the signals */
};

static const char key = 0,
                  module = 0; /* of it, and of the table that scripts hold, in the registry */

/* The results of all functions: what they have to say; or nil and why not. */
static int failed(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* False, with the results pushed: it cannot be. */
static bool may(lua_State *L, const struct program *p)
{
    if (p->server && !p->server->now->lua->serving)
        return true;
    failed(L, p->server ? "this is for the program, and not for handlers" : "the server has ended");
    return false;
}

static bool may_step(lua_State *L, const struct program *p)
{
    if (!may(L, p))
        return false;
    bool started = p->server->life != LS_NOT_STARTED;
    if (!started)
        failed(L, "the server was not started");
    return started;
}

static struct program *program_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static void end(struct program *p)
{
    luaserve_free(&p->server);
}

/* By the text at 1, if there is one, which messages call `name`. */
static int configure(lua_State *L, const struct program *p, const char *name,
                     struct luaserve_error *error)
{
    const char *text = luaL_optstring(L, 1, NULL);
    return text ? luaserve_config_text(p->server, text, name, NULL, error) : 0;
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

/* listen([text]): configured by the text, as the command does before it serves. The URLs. */
static int begin(lua_State *L)
{
    struct program *p = program_of(L);
    struct luaserve_error error;
    if (!may(L, p))
        return 2;
    if (configure(L, p, "app:run", &error) < 0 || luaserve_service(p->server, &error) < 0 ||
        luaserve_listen(p->server, &error) < 0) {
        end(p);
        return failed(L, error.text);
    }
    ls_sys_rt_sigprocmask(SIG_SETMASK, NULL, &p->mask);
    luaserve_handle_signals(p->server);
    return push_urls(L, p->server);
}

/* run(): until it has stopped. */
static int run(lua_State *L)
{
    struct program *p = program_of(L);
    struct luaserve_error error;
    if (!may(L, p))
        return 2;
    int err = luaserve_run(p->server, &error);
    end(p);
    ls_sys_rt_sigprocmask(SIG_SETMASK, &p->mask, NULL);
    return err < 0 ? failed(L, error.text) : 0;
}

/* start([text]): the URLs. */
static int start(lua_State *L)
{
    struct program *p = program_of(L);
    struct luaserve_error error;
    if (!may(L, p))
        return 2;
    if (configure(L, p, "app:start", &error) < 0 || luaserve_start(p->server, &error) < 0) {
        end(p);
        return failed(L, error.text);
    }
    return push_urls(L, p->server);
}

/* step(milliseconds): does it run on? */
static int step(lua_State *L)
{
    struct program *p = program_of(L);
    struct luaserve_error error;
    lua_Integer most = luaL_checkinteger(L, 1);
    if (!may_step(L, p))
        return 2;
    int more = luaserve_step(p->server, most < INT32_MAX ? (int)most : INT32_MAX, &error);
    if (more < 0)
        return failed(L, error.text);
    lua_pushboolean(L, more);
    return 1;
}

static int descriptor(lua_State *L)
{
    const struct program *p = program_of(L);
    if (!may_step(L, p))
        return 2;
    int fd = luaserve_fd(p->server);
    if (fd < 0)
        return failed(L, "the server has stopped");
    lua_pushinteger(L, fd);
    return 1;
}

static int stop(lua_State *L)
{
    const struct program *p = program_of(L);
    if (!may(L, p))
        return 2;
    luaserve_stop(p->server);
    return 0;
}

static const luaL_Reg functions[] = { { "listen", begin }, { "run", run },       { "start", start },
                                      { "step", step },    { "fd", descriptor }, { "stop", stop },
                                      { NULL, NULL } };

static int collect(lua_State *L)
{
    end(lua_touserdata(L, 1));
    return 0;
}

static struct program *keep_program(lua_State *L)
{
    struct program *p = lua_newuserdatauv(L, sizeof *p, 0);
    p->server = NULL;
    lua_newtable(L);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
    return p;
}

LUASERVE_API int luaopen_luaserve(lua_State *L);

/* A state has one server: whoever opens the module again gets the same one. */
int luaopen_luaserve(lua_State *L)
{
    struct luaserve_error error;
    luaL_checkversion(L);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &module) != LUA_TNIL)
        return 1;
    struct program *p = keep_program(L);
    p->server = luaserve_new(&error);
    if (!p->server || ls_generation_adopt(p->server->now, L, functions, p, &error) < 0)
        return luaL_error(L, "%s", error.text);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "luaserve");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &module);
    return 1;
}
