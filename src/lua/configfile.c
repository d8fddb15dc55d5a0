#include "lua/configfile.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "lua/held.h"
#include "os/sys.h"

enum {
    MEMORY = 16 << 20,       /* bytes a config file may use */
    INSTRUCTIONS = 10000000, /* of Lua's VM, before it counts as endless */
    DEPTH = 4                /* tables in tables that are handed over */
};

struct reading {
    const char *path;
    ls_config_entry *entry;
    void *ctx;
    struct ls_buffer *text; /* the file */
};

static void *allocate(void *ctx, void *old, size_t old_size, size_t size)
{
    size_t *used = ctx;
    if (!old)
        old_size = 0;
    if (size > old_size && *used + (size - old_size) > MEMORY)
        return NULL;
    if (size == 0) {
        free(old);
        *used -= old_size;
        return NULL;
    }
    void *at = realloc(old, size);
    if (at)
        *used += size - old_size;
    return at;
}

static void too_long(lua_State *L, lua_Debug *at)
{
    (void)at;
    luaL_error(L, "the file does not come to an end");
}

/* ---- the environment that the file sees ---- */

static int env_index(lua_State *L)
{
    lua_pushstring(L, getenv(luaL_checkstring(L, 2)));
    return 1;
}

static int env_newindex(lua_State *L)
{
    return luaL_error(L, "env is read-only");
}

static int no_global(lua_State *L)
{
    return luaL_error(L, "there is no \"%s\" here: a config file sees env, string, table, math "
                         "and utf8", luaL_tolstring(L, 2, NULL));
}

static int no_assignment(lua_State *L)
{
    const char *name = luaL_tolstring(L, 2, NULL);
    return luaL_error(L, "\"%s\" is assigned as a global: the file has to return a table, "
                         "return { %s = ... }", name, name);
}

static void push_env(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_pushcfunction(L, env_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, env_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
}

/* Leaves the environment on the stack: a copy of what is pure. */
static void push_environment(lua_State *L)
{
    static const char *const pure[] = { "assert",   "error",    "ipairs",   "math",
                                        "next",     "pairs",    "pcall",    "rawequal",
                                        "rawget",   "rawlen",   "rawset",   "select",
                                        "setmetatable", "getmetatable", "string", "table",
                                        "tonumber", "tostring", "type",     "utf8",
                                        "xpcall",   "_VERSION" };
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    lua_settop(L, 1);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof pure / sizeof *pure; i++) {
        lua_getglobal(L, pure[i]);
        lua_setfield(L, -2, pure[i]);
    }
    push_env(L);
    lua_setfield(L, -2, "env");
    lua_newtable(L);
    lua_pushcfunction(L, no_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, no_assignment);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
}

/* ---- handing over ---- */

static void describe(lua_State *L, int index, struct ls_config_value *value)
{
    *value = (struct ls_config_value){ .type = LS_CONFIG_OTHER,
                                       .text = ls_slice_of(luaL_typename(L, index)) };
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        value->type = LS_CONFIG_BOOLEAN;
        value->boolean = lua_toboolean(L, index);
        break;
    case LUA_TNUMBER:
        value->type = lua_isinteger(L, index) ? LS_CONFIG_INTEGER : LS_CONFIG_NUMBER;
        value->integer = lua_tointeger(L, index);
        value->number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING:
        value->type = LS_CONFIG_STRING;
        value->text.at = lua_tolstring(L, index, &value->text.len);
        break;
    case LUA_TTABLE:
        value->type = LS_CONFIG_TABLE;
        break;
    default:
        break;
    }
}

static void hand_over_table(lua_State *L, const struct reading *r, const char *prefix, int depth);

/* The value on top of the stack, under the key whose text is pushed here. */
static void hand_over(lua_State *L, const struct reading *r, const char *key, int depth)
{
    struct ls_config_value value;
    describe(L, -2, &value);
    if (r->entry(r->ctx, key, &value) && value.type == LS_CONFIG_TABLE && depth < DEPTH) {
        lua_pushvalue(L, -2);
        hand_over_table(L, r, key, depth + 1);
        lua_pop(L, 1);
    }
}

/* Stack: table. First its array part, in order, then all other keys. */
static void hand_over_table(lua_State *L, const struct reading *r, const char *prefix, int depth)
{
    lua_Integer count = 0;
    luaL_checkstack(L, 8, NULL);
    while (lua_rawgeti(L, -1, count + 1) != LUA_TNIL) {
        hand_over(L, r, lua_pushfstring(L, "%s[%I]", prefix, (LUAI_UACINT)++count), depth);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        bool counted = lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 &&
                       lua_tointeger(L, -2) <= count;
        if (!counted) {
            const char *dot = *prefix ? "." : "";
            if (lua_type(L, -2) == LUA_TSTRING)
                lua_pushfstring(L, "%s%s%s", prefix, dot, lua_tostring(L, -2));
            else if (lua_isinteger(L, -2))
                lua_pushfstring(L, "%s[%I]", prefix, (LUAI_UACINT)lua_tointeger(L, -2));
            else
                lua_pushfstring(L, "%s%s<%s key>", prefix, dot, luaL_typename(L, -2));
            hand_over(L, r, lua_tostring(L, -1), depth);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
}

/* ---- running ---- */

static int read_all(lua_State *L)
{
    const struct reading *r = lua_touserdata(L, 1);
    push_environment(L);
    const char *chunk = lua_pushfstring(L, "@%s", r->path);
    if (luaL_loadbufferx(L, r->text->at, r->text->len, chunk, "t") != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, 2);
    lua_setupvalue(L, -2, 1);
    lua_sethook(L, too_long, LUA_MASKCOUNT, INSTRUCTIONS);
    lua_call(L, 0, 1);
    lua_sethook(L, NULL, 0, 0);
    if (!lua_istable(L, -1))
        luaL_error(L, "%s: expected the file to return a table, it returned %s", r->path,
                   luaL_typename(L, -1));
    hand_over_table(L, r, "", 0);
    return 0;
}

static void put_fault(lua_State *L, const char *path, struct ls_buffer *fault)
{
    const char *message = lua_tostring(L, -1);
    struct ls_slice text = ls_slice_of(message ? message : "an error that is no text");
    if (!ls_slice_starts(text, ls_slice_of(path)))
        ls_buffer_printf(fault, "%s: ", path);
    for (size_t i = 0; i < text.len; i++)
        ls_buffer_byte(fault, text.at[i] == '\n' ? ' ' : text.at[i]);
    ls_buffer_byte(fault, '\n');
}

static int run(const struct reading *r, struct ls_buffer *fault)
{
    size_t used = 0;
    lua_State *L = lua_newstate(allocate, &used);
    if (!L)
        return -ENOMEM;
    lua_pushcfunction(L, read_all);
    lua_pushlightuserdata(L, (void *)r);
    int status = lua_pcall(L, 1, 0, 0);
    if (status != LUA_OK)
        put_fault(L, r->path, fault);
    lua_close(L);
    return status == LUA_OK ? 0 : -EINVAL;
}

static int read_text(const char *path, struct ls_buffer *text)
{
    struct ls_open_how how = { .flags = O_RDONLY | O_CLOEXEC };
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    long got = fd;
    while (got >= 0 && text->len < MEMORY && (got = ls_buffer_reserve(text, 4096)) == 0) {
        got = ls_sys_read(fd, text->at + text->len, 4096);
        if (got <= 0)
            break;
        text->len += (size_t)got;
    }
    if (fd >= 0)
        ls_sys_close(fd);
    return (int)(got < 0 ? got : 0);
}

int ls_configfile_read(const char *path, ls_config_entry *entry, void *ctx,
                       struct ls_buffer *fault)
{
    struct ls_buffer text = { 0 };
    struct reading r = { path, entry, ctx, &text };
    int err = read_text(path, &text);
    if (err < 0)
        ls_buffer_printf(fault, "%s: %s\n", path, strerror(-err));
    else
        err = run(&r, fault);
    ls_buffer_free(&text);
    return err;
}
