#include "lua/pairs.h"

#include "http/chars.h"
#include "http/cookie.h"
#include "http/uri.h"

/* Pushes the text decoded. NULL, or what is wrong. */
static const char *push_decoded(lua_State *L, struct ls_slice text)
{
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, text.len + 1);
    int64_t len = ls_form_decode(text, out);
    struct ls_slice decoded = { out, len > 0 ? (size_t)len : 0 };
    const char *wrong = NULL;
    if (len < 0)
        wrong = "a % without two hexadecimal digits behind it";
    else if (memchr(out, '\0', decoded.len))
        wrong = "a NUL (%00)";
    else if (!ls_chars_utf8(decoded))
        wrong = "text that is not UTF-8";
    luaL_pushresultsize(&b, wrong ? 0 : decoded.len);
    return wrong;
}

/* Goes through all pairs; with the table at `table` and each name and value on top of it, `take` is
 * called, which pops both. */
static const char *each(lua_State *L, struct ls_slice text, void (*take)(lua_State *L, int table))
{
    struct ls_slice name, value;
    int table = lua_gettop(L), count = 0;
    while (text.len > 0 && ls_form_next(&text, &name, &value)) {
        const char *wrong = count++ < LS_PAIRS ? push_decoded(L, name) : "more than 1000 values";
        if (!wrong)
            wrong = push_decoded(L, value);
        if (wrong) {
            lua_settop(L, table - 1);
            return wrong;
        }
        take(L, table);
    }
    return NULL;
}

_Static_assert(LS_PAIRS == 1000, "a message in each says 1000");

static void take_first(lua_State *L, int table)
{
    lua_pushvalue(L, -2);
    if (lua_rawget(L, table) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_rawset(L, table);
    } else {
        lua_pop(L, 3);
    }
}

/* The name that is wanted stands below the table. */
static void take_wanted(lua_State *L, int table)
{
    if (lua_rawequal(L, -2, table - 1))
        lua_rawseti(L, table, (lua_Integer)lua_rawlen(L, table) + 1);
    else
        lua_pop(L, 1);
    lua_pop(L, 1);
}

static void take_both(lua_State *L, int table)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, table);
    lua_rawseti(L, table, count + 2);
    lua_rawseti(L, table, count + 1);
}

const char *ls_pairs_list(lua_State *L, struct ls_slice text)
{
    luaL_checkstack(L, 10, NULL);
    lua_newtable(L);
    return each(L, text, take_both);
}

const char *ls_pairs_first(lua_State *L, struct ls_slice text)
{
    luaL_checkstack(L, 10, NULL);
    lua_newtable(L);
    return each(L, text, take_first);
}

const char *ls_pairs_all(lua_State *L, struct ls_slice text, struct ls_slice name)
{
    luaL_checkstack(L, 10, NULL);
    lua_pushlstring(L, name.at, name.len);
    lua_newtable(L);
    const char *wrong = each(L, text, take_wanted);
    lua_remove(L, wrong ? -1 : -2);
    return wrong;
}

void ls_pairs_cookies(lua_State *L, struct ls_slice field)
{
    struct ls_slice name, value;
    luaL_checkstack(L, 10, NULL);
    lua_newtable(L);
    int table = lua_gettop(L);
    while (ls_cookie_next(&field, &name, &value)) {
        luaL_Buffer b;
        lua_pushlstring(L, name.at, name.len);
        char *out = luaL_buffinitsize(L, &b, value.len + 1);
        int64_t len = ls_cookie_decode(value, out);
        if (len < 0) /* as somebody else has set it */
            memcpy(out, value.at, value.len);
        luaL_pushresultsize(&b, len < 0 ? value.len : (size_t)len);
        take_first(L, table);
    }
}
