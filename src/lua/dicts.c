#include "lua/dicts.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "lua/held.h"
#include "lua/values.h"

#define DICT "luaserve dictionary"

struct dict {
    int number; /* 0: not asked for yet */
};

/* ---- which one, and for whom ---- */

static struct ls_store_user user_of(lua_State *L)
{
    const struct ls_lua *lua = ls_lua_of(L);
    if (!lua->commons)
        luaL_error(L, "shared values can be used once the server runs, in handlers and schedules");
    return (struct ls_store_user) { .store = lua->commons->store,
                                    .holder = &lua->commons->kin[lua->number - 1].holder,
                                    .number = lua->number };
}

static int refuse(lua_State *L, int err)
{
    switch (err) {
    case -ENOSPC:
        return luaL_error(L, "there are too many shared dictionaries (255 at most)");
    case -EFBIG:
        return luaL_error(L, "the key or the value is too large for shared.size");
    case -ERANGE:
        return luaL_error(L, "the number would be too large");
    case -EINVAL:
        return luaL_error(L, "the value is not a number");
    default:
        return luaL_error(L, "not enough memory");
    }
}

static int number_of(lua_State *L, const struct ls_store_user *user)
{
    struct dict *dict = luaL_checkudata(L, 1, DICT);
    struct ls_slice name;
    if (dict->number > 0)
        return dict->number;
    lua_getiuservalue(L, 1, 1);
    name.at = lua_tolstring(L, -1, &name.len);
    int number = ls_store_dict(user, name);
    if (number < 0)
        return refuse(L, number);
    lua_pop(L, 1);
    return dict->number = number;
}

/* What all functions have: the dictionary and a key. */
struct call {
    struct ls_store_user user;
    int dict;
    struct ls_slice key;
    uint64_t now;
};

static struct call begin(lua_State *L)
{
    struct call c = { .user = user_of(L), .now = ls_clock_us() };
    c.dict = number_of(L, &c.user);
    c.key.at = luaL_checklstring(L, 2, &c.key.len);
    luaL_argcheck(L, c.key.len >= 1, 2, "a key is not empty");
    return c;
}

/* Of a time in µs from now; 0 or nothing: never. */
static uint64_t expiry(lua_State *L, int index, const struct call *c)
{
    lua_Integer ttl = luaL_optinteger(L, index, 0);
    return ttl > 0 ? c->now + (uint64_t)ttl : 0;
}

/* core.dict(name) */
static int core_dict(lua_State *L)
{
    luaL_checkstring(L, 1);
    struct dict *dict = lua_newuserdatauv(L, sizeof *dict, 1);
    dict->number = 0;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, DICT);
    return 1;
}

/* ---- reading ---- */

/* Pushes the value and its version; nil and 0 when there is none. */
static void push_value(lua_State *L)
{
    struct call c = begin(L);
    struct ls_value value;
    uint64_t version = 0;
    struct ls_buffer *held = ls_held_buffer(L);
    int got = ls_store_get(&c.user, c.dict, c.key, c.now, held, &value, &version);
    if (got == -ENOENT)
        lua_pushnil(L);
    else if (got < 0)
        refuse(L, got);
    else
        ls_values_push(L, &value);
    ls_buffer_free(held);
    lua_pushinteger(L, got > 0 ? (lua_Integer)version : 0);
}

/* dict:get(key) */
static int dict_get(lua_State *L)
{
    push_value(L);
    lua_pop(L, 1);
    return 1;
}

/* shared_read(dict, key): the value, and its version. */
static int core_read(lua_State *L)
{
    push_value(L);
    return 2;
}

/* shared_ttl(dict, key): µs until it goes; 0: never; nil: it is not there. */
static int core_ttl(lua_State *L)
{
    struct call c = begin(L);
    uint64_t expires;
    if (ls_store_expiry(&c.user, c.dict, c.key, c.now, &expires) < 0)
        return lua_pushnil(L), 1;
    lua_pushinteger(L, expires == 0 ? 0 : (lua_Integer)(expires - c.now));
    return 1;
}

static bool add_key(void *list, struct ls_slice key)
{
    struct ls_buffer *keys = list;
    ls_buffer_append(keys, &key.len, sizeof key.len);
    ls_buffer_slice(keys, key);
    return !keys->failed;
}

/* dict:keys([prefix]): a list in no order. */
static int dict_keys(lua_State *L)
{
    struct ls_store_user user = user_of(L);
    int dict = number_of(L, &user);
    struct ls_slice prefix;
    prefix.at = luaL_optlstring(L, 2, "", &prefix.len);
    struct ls_buffer *held = ls_held_buffer(L);
    if (ls_store_keys(&user, dict, prefix, ls_clock_us(), add_key, held) < 0 || held->failed)
        return luaL_error(L, "not enough memory");
    lua_newtable(L);
    size_t len, at = 0;
    for (lua_Integer i = 1; at < held->len; i++, at += len) {
        memcpy(&len, held->at + at, sizeof len);
        at += sizeof len;
        lua_pushlstring(L, held->at + at, len);
        lua_rawseti(L, -2, i);
    }
    ls_buffer_free(held);
    return 1;
}

/* ---- writing ---- */

/* shared_set(dict, key, value, ttl in µs, "set" | "add" | "replace" | "version" | "keep", version): was it set? */
static int core_set(lua_State *L)
{
    static const char *const names[] = { "set", "add", "replace", "version", "keep", NULL };
    struct call c = begin(L);
    struct ls_value value = ls_values_take(L, 3);
    int how = luaL_checkoption(L, 5, "set", names);
    uint64_t version = (uint64_t)luaL_optinteger(L, 6, 0);
    int got = ls_store_set(&c.user, c.dict, c.key, &value, expiry(L, 4, &c), c.now,
                           (enum ls_store_how)how, version);
    if (got < 0)
        return refuse(L, got);
    lua_pushboolean(L, got);
    return 1;
}

/* shared_incr(dict, key, by, ttl in µs): the new number. */
static int core_incr(lua_State *L)
{
    struct call c = begin(L);
    struct ls_value result;
    luaL_checktype(L, 3, LUA_TNUMBER);
    luaL_argcheck(L, lua_rawequal(L, 3, 3), 3, "not a number (NaN)");
    struct ls_value by = ls_values_take(L, 3);
    int got = ls_store_incr(&c.user, c.dict, c.key, &by, expiry(L, 4, &c), c.now, &result);
    if (got < 0)
        return refuse(L, got);
    ls_values_push(L, &result);
    return 1;
}

/* shared_expire(dict, key, ttl in µs; 0: never): was it there? */
static int core_expire(lua_State *L)
{
    struct call c = begin(L);
    lua_pushboolean(L, ls_store_expire(&c.user, c.dict, c.key, expiry(L, 3, &c), c.now) > 0);
    return 1;
}

/* dict:delete(key): was it there? */
static int dict_delete(lua_State *L)
{
    struct call c = begin(L);
    lua_pushboolean(L, ls_store_delete(&c.user, c.dict, c.key, c.now) > 0);
    return 1;
}

/* dict:flush() */
static int dict_flush(lua_State *L)
{
    struct ls_store_user user = user_of(L);
    ls_store_flush(&user, number_of(L, &user));
    return 0;
}

/* ---- */

void ls_dicts_open(lua_State *L)
{
    static const luaL_Reg methods[] = { { "get", dict_get },
                                        { "keys", dict_keys },
                                        { "delete", dict_delete },
                                        { "flush", dict_flush },
                                        { NULL, NULL } };
    luaL_newmetatable(L, DICT);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void ls_dicts_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "dict", core_dict },
                                          { "shared_read", core_read },
                                          { "shared_ttl", core_ttl },
                                          { "shared_set", core_set },
                                          { "shared_incr", core_incr },
                                          { "shared_expire", core_expire },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
    luaL_getmetatable(L, DICT);
    lua_getfield(L, -1, "__index");
    lua_remove(L, -2);
    lua_setfield(L, -2, "shared");
}
