#include "lua/traceback.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static bool is_own(const char *line)
{
    return begins(line, "\t?: ") || begins(line, "\tluaserve:");
}

/* Is it C that own frames have called, or what stands below all? */
static bool is_of_own(const char *line, const char *next)
{
    return begins(line, "\t[C]:") && (!next || is_own(next));
}

static void add_frames(luaL_Buffer *out, const char *line)
{
    while (line) {
        const char *end = strchr(line, '\n'), *next = end ? end + 1 : NULL;
        if (!is_own(line) && !is_of_own(line, next)) {
            luaL_addchar(out, '\n');
            luaL_addlstring(out, line, end ? (size_t)(end - line) : strlen(line));
        }
        line = next;
    }
}

/* As Lua's own interpreter does of values that are no text. */
static void push_message(lua_State *L, int index)
{
    bool told = lua_isstring(L, index);
    if (!told && luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
        lua_pop(L, 1);
        told = true;
    }
    if (told)
        luaL_tolstring(L, index, NULL);
    else
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, index));
}

void ls_traceback(lua_State *L, lua_State *co, int index, int level)
{
    luaL_Buffer out;
    int at = lua_gettop(L) + 1;
    push_message(L, index);
    luaL_traceback(L, co, NULL, level);
    const char *title = lua_tostring(L, at + 1), *frames = strchr(title, '\n');
    luaL_buffinit(L, &out);
    luaL_addstring(&out, lua_tostring(L, at));
    luaL_addstring(&out, "\nstack traceback:");
    add_frames(&out, frames ? frames + 1 : NULL);
    luaL_pushresult(&out);
    lua_replace(L, at);
    lua_settop(L, at);
}
