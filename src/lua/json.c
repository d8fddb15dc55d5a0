#include "lua/json.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/held.h"
#include "os/sys.h"

enum { DEPTH = 128 }; /* of tables in tables, both ways */

#define HOLDER "luaserve json holder"
#define ARRAY  "luaserve json array"

/* What jansson gives is held by a userdata from the first moment, so that an error in the middle
 * leaks nothing. */
static json_t **hold(lua_State *L)
{
    json_t **holder = lua_newuserdatauv(L, sizeof(json_t *), 0);
    *holder = NULL;
    luaL_setmetatable(L, HOLDER);
    return holder;
}

static int release(lua_State *L)
{
    json_t **holder = luaL_checkudata(L, 1, HOLDER);
    json_decref(*holder);
    *holder = NULL;
    return 0;
}

/* ---- reading ---- */

static void push_value(lua_State *L, const json_t *value);

static void push_array(lua_State *L, const json_t *array)
{
    size_t count = json_array_size(array);
    lua_createtable(L, count < 1024 ? (int)count : 1024, 0);
    for (size_t i = 0; i < count; i++) {
        push_value(L, json_array_get(array, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    luaL_setmetatable(L, ARRAY);
}

static void push_object(lua_State *L, json_t *object)
{
    lua_newtable(L);
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        lua_pushstring(L, json_object_iter_key(at));
        push_value(L, json_object_iter_value(at));
        lua_rawset(L, -3);
    }
}

static void push_value(lua_State *L, const json_t *value)
{
    luaL_checkstack(L, 4, "JSON nested too deep");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        push_object(L, (json_t *)value); /* its iterators take no const */
        break;
    case JSON_ARRAY:
        push_array(L, value);
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(value));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(value));
        break;
    case JSON_NULL:
    default:
        lua_pushlightuserdata(L, NULL);
    }
}

bool ls_json_decode(lua_State *L, struct ls_slice text)
{
    json_error_t error;
    json_t **holder = hold(L);
    *holder = json_loadb(text.at ? text.at : "", text.len,
                         JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!*holder) {
        lua_pushfstring(L, "malformed JSON: line %d, column %d: %s", error.line, error.column,
                        error.text);
        return false;
    }
    push_value(L, *holder);
    json_decref(*holder);
    *holder = NULL;
    return true;
}

static int json_decode(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    if (ls_json_decode(L, (struct ls_slice) { text, len }))
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/* ---- writing ---- */

struct writing {
    int depth;       /* of the table being written, in tables */
    unsigned digits; /* that the numbers need to be read back as they were */
};

static json_t *to_json(lua_State *L, int index, struct writing *w);

static int must(lua_State *L, int failed)
{
    return failed ? luaL_error(L, "not enough memory for JSON") : 0;
}

static bool is_marked(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, ARRAY);
    bool marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return marked;
}

/* Is the table at `index` an array: with the keys 1 … count and no other, or marked as one and
 * empty? A table that is nearly one is an error: nothing of it is left out in silence. */
static bool is_array(lua_State *L, int index, lua_Integer *count)
{
    bool marked = is_marked(L, index);
    lua_Integer indices = 0, last = 0, keys = 0;
    for (lua_pushnil(L); lua_next(L, index); keys++) {
        lua_pop(L, 1);
        lua_Integer at = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        indices += at > 0;
        last = at > last ? at : last;
    }
    *count = keys;
    if (indices < keys && (marked || indices > 0))
        luaL_error(L, "a table with both indices and other keys is no JSON");
    if (indices == keys && last > keys)
        luaL_error(L, "a JSON array with holes: index %I of %I (null is app.json.null)", last,
                   keys);
    return keys > 0 ? indices == keys : marked;
}

/* The new value is in the tree, and so held, before anything is put into it. */
static void fill_array(lua_State *L, int index, lua_Integer count, json_t *array, struct writing *w)
{
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        must(L, json_array_append_new(array, to_json(L, lua_gettop(L), w)));
        lua_pop(L, 1);
    }
}

static void fill_object(lua_State *L, int index, json_t *object, struct writing *w)
{
    lua_pushnil(L);
    while (lua_next(L, index)) {
        size_t len;
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "JSON objects have string keys: found a %s", luaL_typename(L, -2));
        const char *key = lua_tolstring(L, -2, &len);
        if (strlen(key) != len)
            luaL_error(L, "a JSON key with a NUL");
        json_t *value = to_json(L, lua_gettop(L), w);
        if (json_object_set_new(object, key, value) != 0)
            luaL_error(L, "a JSON key that is not UTF-8");
        lua_pop(L, 1);
    }
}

/* The tree in the making hangs in a holder of its own until it is handed to its parent. */
static json_t *table_to_json(lua_State *L, int index, struct writing *w)
{
    lua_Integer count;
    if (w->depth++ >= DEPTH)
        luaL_error(L, "tables nested too deep for JSON, or in a circle");
    luaL_checkstack(L, 8, "tables nested too deep for JSON");
    json_t **holder = hold(L);
    if (is_array(L, index, &count)) {
        *holder = json_array();
        must(L, !*holder);
        fill_array(L, index, count, *holder, w);
    } else {
        *holder = json_object();
        must(L, !*holder);
        fill_object(L, index, *holder, w);
    }
    json_t *made = *holder;
    *holder = NULL;
    lua_pop(L, 1);
    w->depth--;
    return made;
}

/* The fewest digits, from what every double keeps to what any may need, that read back the same. */
static unsigned digits_of(lua_Number number)
{
    char text[40];
    unsigned digits = DBL_DIG;
    while (digits < DBL_DECIMAL_DIG &&
           (snprintf(text, sizeof text, "%.*g", (int)digits, number), strtod(text, NULL) != number))
        digits++;
    return digits;
}

static json_t *number_to_json(lua_State *L, int index, struct writing *w)
{
    if (lua_isinteger(L, index))
        return json_integer(lua_tointeger(L, index));
    lua_Number number = lua_tonumber(L, index);
    if (!isfinite(number))
        luaL_error(L, "JSON has no %s", luaL_tolstring(L, index, NULL));
    unsigned digits = digits_of(number);
    w->digits = digits > w->digits ? digits : w->digits;
    return json_real(number);
}

static json_t *string_to_json(lua_State *L, int index)
{
    size_t len;
    const char *text = lua_tolstring(L, index, &len);
    json_t *made = json_stringn(text, len);
    if (!made)
        luaL_error(L, "JSON strings are UTF-8: found another");
    return made;
}

static json_t *to_json(lua_State *L, int index, struct writing *w)
{
    json_t *made = NULL;
    switch (lua_type(L, index)) {
    case LUA_TTABLE:
        return table_to_json(L, index, w);
    case LUA_TSTRING:
        return string_to_json(L, index);
    case LUA_TNUMBER:
        made = number_to_json(L, index, w);
        break;
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(L, index));
    case LUA_TNIL:
        return json_null();
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, index))
            return json_null();
        /* fall through */
    default:
        luaL_error(L, "JSON has no %s", luaL_typename(L, index));
    }
    must(L, !made);
    return made;
}

static int append(const char *bytes, size_t len, void *out)
{
    ls_buffer_append(out, bytes, len);
    return ((struct ls_buffer *)out)->failed ? -1 : 0;
}

void ls_json_encode(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    struct ls_buffer *out = ls_held_buffer(L);
    json_t **holder = hold(L);
    struct writing w = { .digits = DBL_DIG };
    *holder = to_json(L, index, &w);
    must(L, json_dump_callback(*holder, append, out,
                               JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(w.digits)));
    json_decref(*holder);
    *holder = NULL;
    ls_held_push(L, out);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

static int json_encode(lua_State *L)
{
    luaL_checkany(L, 1);
    ls_json_encode(L, 1);
    return 1;
}

/* array([t]): marks a table as an array, so that an empty one is written as []. */
static int json_array_of(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_setmetatable(L, ARRAY);
    return 1;
}

void ls_json_open(lua_State *L)
{
    static const luaL_Reg functions[] = { { "encode", json_encode },
                                          { "decode", json_decode },
                                          { "array", json_array_of },
                                          { NULL, NULL } };
    uint32_t seed = 0; /* jansson's own way would open /dev/urandom in every worker */
    ls_sys_getrandom(&seed, sizeof seed, 0);
    json_object_seed(seed ? seed : 1);
    luaL_newmetatable(L, ARRAY);
    luaL_newmetatable(L, HOLDER);
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 2);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
}
