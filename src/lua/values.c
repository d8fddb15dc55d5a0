#include "lua/values.h"

#include <lauxlib.h>

#include "lua/json.h"

static struct ls_value text_at(lua_State *L, int index, enum ls_value_type type)
{
    struct ls_value value = { .type = type };
    value.bytes.at = lua_tolstring(L, index, &value.bytes.len);
    return value;
}

static struct ls_value number_at(lua_State *L, int index)
{
    if (lua_isinteger(L, index))
        return (struct ls_value) { .type = LS_VALUE_INTEGER, .integer = lua_tointeger(L, index) };
    return (struct ls_value) { .type = LS_VALUE_FLOAT, .number = lua_tonumber(L, index) };
}

struct ls_value ls_values_take(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        return text_at(L, index, LS_VALUE_STRING);
    case LUA_TNUMBER:
        return number_at(L, index);
    case LUA_TBOOLEAN:
        return (struct ls_value) { .type = LS_VALUE_BOOLEAN, .integer = lua_toboolean(L, index) };
    case LUA_TTABLE:
        ls_json_encode(L, index);
        lua_replace(L, index);
        return text_at(L, index, LS_VALUE_JSON);
    default:
        luaL_error(L, "what processes share is a string, a number, a boolean or a table, not a %s",
                   luaL_typename(L, index));
        return (struct ls_value) { .type = LS_VALUE_BOOLEAN };
    }
}

void ls_values_push(lua_State *L, const struct ls_value *value)
{
    switch (value->type) {
    case LS_VALUE_STRING:
        lua_pushlstring(L, value->bytes.at ? value->bytes.at : "", value->bytes.len);
        break;
    case LS_VALUE_INTEGER:
        lua_pushinteger(L, value->integer);
        break;
    case LS_VALUE_FLOAT:
        lua_pushnumber(L, value->number);
        break;
    case LS_VALUE_BOOLEAN:
        lua_pushboolean(L, value->integer != 0);
        break;
    case LS_VALUE_JSON:
        if (!ls_json_decode(L, value->bytes))
            luaL_error(L, "what was shared cannot be read: %s", lua_tostring(L, -1));
        break;
    default:
        lua_pushnil(L);
    }
}
