#include "lua/channels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lua/held.h"
#include "lua/values.h"

enum { KEPT = 4 << 10 }; /* bytes of memory that are kept for the next message */

#define CHANNEL      "luaserve channel"
#define SUBSCRIPTION "luaserve subscription"

struct subscription {
    struct ls_subscription s;
    struct ls_hub *hub; /* of the process that has subscribed */
};

/* ---- what this process knows of channels ---- */

static struct ls_hub *hub_of(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    if (!lua->commons)
        luaL_error(L, "channels can be used once the server runs, in handlers and schedules");
    if (lua->hub)
        return lua->hub;
    lua->hub = calloc(1, sizeof *lua->hub);
    if (!lua->hub)
        luaL_error(L, "not enough memory");
    lua->hub->channels = lua->commons->channels;
    lua->hub->kin = lua->commons->kin;
    lua->hub->number = lua->number;
    lua->hub->bell = lua->bell;
    return lua->hub;
}

/* ---- channels ---- */

static struct ls_slice name_of(lua_State *L)
{
    struct ls_slice name;
    lua_getiuservalue(L, 1, 1);
    name.at = lua_tolstring(L, -1, &name.len);
    return name;
}

/* channel(name) */
static int core_channel(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, len >= 1 && len <= LS_CHANNEL_NAME, 1, "a name has 1 to 200 bytes");
    struct ls_channel_place *place = lua_newuserdatauv(L, sizeof *place, 1);
    *place = (struct ls_channel_place) { 0, 0 };
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, CHANNEL);
    return 1;
}

static int refuse(lua_State *L, int err)
{
    if (err == -EFBIG)
        return luaL_error(L, "a message of more than a quarter of channels.queue");
    if (err == -EMFILE)
        return luaL_error(L, "too many subscriptions of one process to one channel (65535)");
    if (err == -ENOSPC)
        return luaL_error(L, "there are %d channels with subscribers already", LS_CHANNELS);
    return luaL_error(L, "the channel cannot be used: %s", strerror(-err));
}

/* channel:publish(value): to how many subscriptions it goes. */
static int channel_publish(lua_State *L)
{
    struct ls_channel_place *place = luaL_checkudata(L, 1, CHANNEL);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    struct ls_hub *hub = hub_of(L);
    struct ls_value value = ls_values_take(L, 2);
    struct ls_slice bytes = value.bytes;
    if (value.type != LS_VALUE_STRING && value.type != LS_VALUE_JSON)
        bytes = (struct ls_slice) { (const char *)&value.integer, sizeof value.integer };
    int64_t count = ls_channel_publish(hub, name_of(L), place, value.type, bytes);
    if (count < 0)
        return refuse(L, (int)count);
    lua_pushinteger(L, count);
    return 1;
}

/* channel:subscribe() */
static int channel_subscribe(lua_State *L)
{
    luaL_checkudata(L, 1, CHANNEL);
    struct ls_hub *hub = hub_of(L);
    struct subscription *s = lua_newuserdatauv(L, sizeof *s, 0);
    memset(s, 0, sizeof *s);
    luaL_setmetatable(L, SUBSCRIPTION);
    s->hub = hub;
    s->s.owner = s->s.e = ls_lua_of(L)->current;
    int err = ls_channel_subscribe(hub, name_of(L), &s->s);
    if (err < 0)
        return refuse(L, err);
    lua_pop(L, 1);
    return 1;
}

/* ---- subscriptions ---- */

static const char spare = 0; /* key of a buffer that nobody uses */

/* Pushes a buffer for a message. It is there before the message is: to make one may take the collector's time,
 * and with that finalizers, which may read messages too. */
static struct ls_buffer *take_buffer(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &spare) == LUA_TNIL) {
        lua_pop(L, 1);
        return ls_held_buffer(L);
    }
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &spare);
    return lua_touserdata(L, -1);
}

static void give_buffer(lua_State *L, int index, struct ls_buffer *buffer)
{
    ls_buffer_clear(buffer);
    ls_buffer_slim(buffer, KEPT);
    lua_pushvalue(L, index);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &spare);
}

static void push_message(lua_State *L, const struct ls_buffer *text, enum ls_value_type type)
{
    struct ls_value value = { .type = type, .bytes = { text->at, text->len } };
    if (type != LS_VALUE_STRING && type != LS_VALUE_JSON)
        memcpy(&value.integer, text->at, sizeof value.integer);
    ls_values_push(L, &value);
}

/* Of a subscription that has a message, as a rule. */
static int receive(lua_State *L, struct subscription *s)
{
    uint32_t kind;
    uint64_t missed;
    lua_settop(L, 1);
    struct ls_buffer *text = take_buffer(L);
    int got = ls_channel_next(s->hub, &s->s, text, &kind, &missed);
    if (got < 0)
        return luaL_error(L, "not enough memory");
    lua_pushboolean(L, got);
    if (got > 0)
        push_message(L, text, (enum ls_value_type)kind);
    give_buffer(L, 2, text);
    if (got == 0 || missed == 0)
        return 1 + got;
    lua_pushinteger(L, (lua_Integer)missed);
    return 3;
}

/* try_message(subscription): true, value, how many were missed before it (nil: none); true and nil once it is
 * closed; false: there is none yet. */
static int core_try_message(lua_State *L)
{
    struct subscription *s = luaL_checkudata(L, 1, SUBSCRIPTION);
    if (s->hub != ls_lua_of(L)->hub)
        return luaL_error(L, "this subscription is another process's: subscribe in this one");
    if (s->s.generation == 0)
        return lua_pushboolean(L, 1), lua_pushnil(L), 2;
    s->s.e = ls_lua_of(L)->current; /* whoever waits now */
    if (ls_channel_has_news(s->hub, &s->s))
        return receive(L, s);
    lua_pushboolean(L, 0);
    return 1;
}

static int subscription_close(lua_State *L)
{
    struct subscription *s = luaL_checkudata(L, 1, SUBSCRIPTION);
    if (s->hub && s->hub == ls_lua_of(L)->hub)
        ls_channel_unsubscribe(s->hub, &s->s);
    return 0;
}

static void end_those_of(struct ls_hub *hub, struct ls_subscription *first,
                         const struct ls_engine *e)
{
    for (struct ls_subscription *s = first, *next; s; s = next) {
        next = s->next;
        if (s->e == e)
            s->e = NULL;
        if (s->owner == e)
            ls_channel_unsubscribe(hub, s);
    }
}

void ls_channels_forget(struct ls_lua *lua, const struct ls_engine *e)
{
    struct ls_hub *hub = lua->hub;
    for (uint32_t i = hub ? hub->count : 0; i-- > 0;)
        end_those_of(hub, hub->local[hub->used[i]], e);
}

/* ---- */

static void make_type(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void ls_channels_open(lua_State *L)
{
    static const luaL_Reg nothing[] = { { NULL, NULL } };
    static const luaL_Reg channel[] = { { "publish", channel_publish },
                                        { "subscribe", channel_subscribe },
                                        { NULL, NULL } };
    static const luaL_Reg end[] = { { "__gc", subscription_close },
                                    { "__close", subscription_close },
                                    { NULL, NULL } };
    static const luaL_Reg subscription[] = { { "close", subscription_close }, { NULL, NULL } };
    make_type(L, CHANNEL, nothing, channel);
    make_type(L, SUBSCRIPTION, end, subscription);
}

void ls_channels_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "channel", core_channel },
                                          { "try_message", core_try_message },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
    luaL_getmetatable(L, SUBSCRIPTION);
    lua_getfield(L, -1, "__index");
    lua_remove(L, -2);
    lua_setfield(L, -2, "subscription");
}
