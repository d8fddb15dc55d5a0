#include "lua/app.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "lua/channels.h"
#include "lua/conn.h"
#include "lua/content.h"
#include "lua/dicts.h"
#include "lua/duplex.h"
#include "lua/held.h"
#include "lua/json.h"
#include "lua/native.h"
#include "lua/observe.h"
#include "lua/parts.h"
#include "lua/reply.h"
#include "lua/request.h"
#include "lua/routes.h"
#include "lua/secret.h"
#include "lua/sockets.h"
#include "lua/templates.h"
#include "lua/wait.h"

/* The Lua half, in asm/embed.asm by incbin. */
#define PARTS(X)                                                                                   \
    X(app)                                                                                         \
    X(check)                                                                                       \
    X(routes)                                                                                      \
    X(around)                                                                                      \
    X(cookies)                                                                                     \
    X(session)                                                                                     \
    X(auth)                                                                                        \
    X(forms)                                                                                       \
    X(views)                                                                                       \
    X(answers)                                                                                     \
    X(dev)                                                                                         \
    X(live)                                                                                        \
    X(sockets) X(channels) X(dial) X(shared) X(schedules) X(duplex) X(observe) X(status) X(program)

#define DECLARE(name)                                                                              \
    extern const char ls_##name##_source[] __attribute__((visibility("hidden")));                  \
    extern const char ls_##name##_source_end[] __attribute__((visibility("hidden")));
PARTS(DECLARE)

static const struct part {
    const char *name, *from, *to;
} parts[] = {
#define ENTRY(name) { #name, ls_##name##_source, ls_##name##_source_end },
    PARTS(ENTRY)
};

_Static_assert(sizeof parts / sizeof *parts == LS_APP_PARTS, "all have their place");

const char ls_app_files = 0, ls_app_next = 0, ls_app_abort = 0;
/* Keys of the functions that app.lua gives for ls_app_configure and ls_app_settle. */
static const char configure = 0, settle = 0;

/* Raises at the place of the user's call, which is two levels up: a function of app.lua is
 * between. */
static int fail_at_caller(lua_State *L, const char *message)
{
    luaL_where(L, 2);
    lua_pushstring(L, message);
    lua_concat(L, 2);
    return lua_error(L);
}

static int core_escape(lua_State *L)
{
    size_t len;
    const char *text = luaL_tolstring(L, 1, &len);
    struct ls_buffer *out = ls_held_buffer(L);
    ls_escape_html((struct ls_slice) { text, len }, out);
    ls_held_push(L, out);
    return 1;
}

/* log(level, text) */
static int core_log(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    size_t len;
    const char *level = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &len);
    enum ls_log_level parsed;
    if (ls_log_level_of(ls_slice_of(level), &parsed) < 0)
        return luaL_error(L, "no log level: %s", level);
    if (lua->current)
        ls_log(lua->log, parsed, "%s %s", lua->current->id, text);
    else
        ls_log(lua->log, parsed, "%s", text);
    return 0;
}

static int slept(lua_State *L, int status, lua_KContext until)
{
    (void)status;
    struct ls_engine *e = ls_lua_of(L)->current;
    ls_wait_check(L);
    if (ls_clock_us() < (uint64_t)until) {
        ls_engine_set_need(e, LS_NEED_TIME, LS_PHASE_HANDLER, (uint64_t)until);
        return ls_wait(L, until, slept);
    }
    return 0;
}

/* sleep(microseconds) */
static int core_sleep(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    lua_Integer us = luaL_checkinteger(L, 1);
    luaL_argcheck(L, us >= 0, 1, "a sleep is not negative");
    if (!lua->current)
        return fail_at_caller(L, "app.sleep is only for handlers");
    uint64_t until = ls_clock_us() + (uint64_t)us;
    return lua->current->live == LS_LIVE_NOT ? slept(L, LUA_OK, (lua_KContext)until)
                                             : ls_events_sleep(L, until);
}

/* ---- the Lua half, compiled ---- */

static int gather(lua_State *L, const void *bytes, size_t len, void *buffer)
{
    (void)L;
    ls_buffer_append(buffer, bytes, len);
    return 0;
}

static int compile(lua_State *L)
{
    struct ls_buffer *code = lua_touserdata(L, 1);
    bool stripped = lua_toboolean(L, 2);
    for (size_t i = 0; i < LS_APP_PARTS; i++) {
        size_t len = (size_t)(parts[i].to - parts[i].from);
        if (luaL_loadbufferx(L, parts[i].from, len, "=[luaserve]", "t") != LUA_OK)
            lua_error(L);
        lua_dump(L, gather, &code[i], stripped);
        lua_settop(L, 0);
    }
    return 0;
}

int ls_app_compile(struct ls_buffer code[LS_APP_PARTS], bool strip)
{
    lua_State *L = luaL_newstate();
    if (!L)
        return -ENOMEM;
    lua_pushcfunction(L, compile);
    lua_pushlightuserdata(L, code);
    lua_pushboolean(L, strip);
    int status = lua_pcall(L, 2, 0, 0);
    lua_close(L);
    for (size_t i = 0; i < LS_APP_PARTS; i++)
        if (code[i].failed)
            status = LUA_ERRMEM;
    return status == LUA_OK ? 0 : -ENOMEM;
}

/* part(name): the file of that name, as a function. */
static int core_part(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    const struct ls_buffer *code = ls_lua_of(L)->code;
    size_t i = 0;
    while (i < LS_APP_PARTS && strcmp(parts[i].name, name) != 0)
        i++;
    if (i == LS_APP_PARTS || !code)
        return luaL_error(L, "no part %s", name);
    if (luaL_loadbufferx(L, code[i].at, code[i].len, "=[luaserve]", "b") != LUA_OK)
        lua_error(L);
    return 1;
}

static const luaL_Reg core[] = { { "part", core_part },
                                 { "escape", core_escape },
                                 { "log", core_log },
                                 { "sleep", core_sleep },
                                 { NULL, NULL } };

/* A table in the registry that marks a value, and is a field of the table on top. */
static void set_marker(lua_State *L, const void *key, const char *name)
{
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* What program.lua calls. */
static void push_program(lua_State *L, const struct ls_lua_options *options)
{
    lua_newtable(L);
    lua_pushlightuserdata(L, options->program_ctx);
    luaL_setfuncs(L, options->program, 1);
}

void ls_app_open(lua_State *L, const struct ls_lua_options *options)
{
    lua_pushcfunction(L, core_part);
    lua_pushliteral(L, "app");
    lua_call(L, 1, 1);
    luaL_newlib(L, core);
    ls_routes_open(L);
    ls_content_core(L);
    ls_parts_core(L);
    ls_request_core(L);
    ls_reply_core(L);
    ls_conn_core(L);
    ls_events_core(L);
    ls_sockets_core(L);
    ls_dicts_core(L);
    ls_dial_core(L);
    ls_duplex_core(L);
    ls_channels_core(L);
    ls_observe_core(L);
    ls_natives_core(L, options->natives);
    ls_conn_methods(L);
    lua_setfield(L, -2, "conn");
    ls_sockets_methods(L);
    lua_setfield(L, -2, "ws");
    ls_request_methods(L);
    lua_setfield(L, -2, "request");
    ls_reply_methods(L);
    lua_setfield(L, -2, "response");
    ls_json_open(L);
    lua_setfield(L, -2, "json");
    ls_secret_open(L);
    set_text(L, "version", options->version);
    if (options->program) {
        push_program(L, options);
        lua_setfield(L, -2, "program");
    }
    set_marker(L, &ls_app_next, "next");
    set_marker(L, &ls_app_files, "files");
    set_marker(L, &ls_app_abort, "abort");
    lua_call(L, 1, 3);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &settle);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &configure);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_insert(L, -2);
    lua_setfield(L, -2, "luaserve");
    lua_pop(L, 1);
}

void ls_app_configure(lua_State *L, const struct ls_lua_options *options)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &configure);
    lua_newtable(L);
    ls_templates_push(L, options->views);
    lua_setfield(L, -2, "templates");
    set_text(L, "mode", options->mode);
    set_text(L, "scripts", options->scripts);
    lua_pushboolean(L, options->dev);
    lua_setfield(L, -2, "dev");
    set_text(L, "session_cookie", options->session_cookie);
    lua_pushinteger(L, (lua_Integer)(options->session_max_age / 1000000));
    lua_setfield(L, -2, "session_max_age");
    set_text(L, "status_at", options->status ? options->status : "");
    set_text(L, "metrics_at", options->metrics ? options->metrics : "");
    lua_call(L, 1, 0);
}

void ls_app_settle(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &settle);
    lua_call(L, 0, 0);
}
