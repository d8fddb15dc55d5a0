#include "lua/traceback.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "lua/state.h"

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* Stripped code has no name: in the command it is ours, in a program it is the program's. */
static bool is_own(const char *line)
{
    return begins(line, "\t[luaserve]:") || (!ls_states_are_programs && begins(line, "\t?: "));
}

/* Is it C that own frames have called, or what stands below all? */
static bool is_of_own(const char *line, const char *next)
{
    return begins(line, "\t[C]:") && (!next || is_own(next));
}

static void add_frames(luaL_Buffer *out, const char *line)
{
    bool any = false;
    while (line) {
        const char *end = strchr(line, '\n'), *next = end ? end + 1 : NULL;
        if (!is_own(line) && !is_of_own(line, next)) {
            luaL_addstring(out, any ? "\n" : "\nstack traceback:\n");
            luaL_addlstring(out, line, end ? (size_t)(end - line) : strlen(line));
            any = true;
        }
        line = next;
    }
}

static int text_of(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/* As Lua's own interpreter does of values that are no text. */
static void push_message(lua_State *L, int index)
{
    bool told = lua_isstring(L, index);
    if (!told && luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
        lua_pop(L, 1);
        told = true;
    }
    lua_pushcfunction(L, text_of);
    lua_pushvalue(L, index);
    if (told && lua_pcall(L, 1, 1, 0) == LUA_OK)
        return;
    lua_settop(L, lua_gettop(L) - (told ? 1 : 2));
    lua_pushfstring(L, "(error object is a %s value%s)", luaL_typename(L, index),
                    told ? ", whose __tostring fails" : "");
}

void ls_traceback(lua_State *L, lua_State *co, int index, int level)
{
    luaL_Buffer out;
    int at = lua_gettop(L) + 1;
    push_message(L, index);
    luaL_traceback(L, co, NULL, level);
    const char *title = lua_tostring(L, at + 1), *frames = strchr(title, '\n');
    luaL_buffinit(L, &out);
    lua_pushvalue(L, at);
    luaL_addvalue(&out);
    add_frames(&out, frames ? frames + 1 : NULL);
    luaL_pushresult(&out);
    lua_replace(L, at);
    lua_settop(L, at);
}
