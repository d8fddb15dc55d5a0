#include "lua/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/answer.h"
#include "exchange/dispatch.h"
#include "lua/held.h"

#define PATTERN "luaserve pattern"

/* ---- routes ---- */

static unsigned method_bit(lua_State *L, int index, const char *where)
{
    size_t len;
    const char *name = luaL_checklstring(L, index, &len);
    enum ls_method method = ls_method_of((struct ls_slice) { name, len });
    if (method < LS_CONNECT)
        return 1u << method;
    lua_pushfstring(L, "%s: no method that can be routed: \"%s\"", where, name);
    return (unsigned)lua_error(L);
}

static unsigned method_bits(lua_State *L, const char *where)
{
    unsigned bits = 0;
    lua_getfield(L, 1, "methods");
    luaL_checktype(L, -1, LUA_TTABLE);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        bits |= method_bit(L, lua_gettop(L), where);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return bits;
}

/* A field of the table at 1, which keeps it alive. */
static const char *text_field(lua_State *L, const char *name)
{
    size_t len;
    lua_getfield(L, 1, name);
    const char *text = luaL_optlstring(L, -1, NULL, &len);
    luaL_argcheck(L, !text || strlen(text) == len, 1, "a pattern or host cannot hold a NUL");
    lua_pop(L, 1);
    return text;
}

static uint64_t own_limit(lua_State *L, const char *name)
{
    lua_getfield(L, 1, "limits");
    lua_getfield(L, -1, name);
    uint64_t limit = (uint64_t)luaL_optinteger(L, -1, 0);
    lua_pop(L, 2);
    return limit;
}

static struct ls_limits own_limits(lua_State *L)
{
    return (struct ls_limits) { .body = own_limit(L, "body"),
                                .wall = own_limit(L, "wall"),
                                .cpu = own_limit(L, "cpu"),
                                .memory = own_limit(L, "memory"),
                                .body_timeout = own_limit(L, "body_timeout"),
                                .send_timeout = own_limit(L, "send_timeout"),
                                .live_timeout = own_limit(L, "live_timeout") };
}

/* Keeps the function at `index` as a handler; its number. */
static int keep_handler(lua_State *L, int index)
{
    struct ls_lua *lua = ls_lua_of(L);
    luaL_checktype(L, index, LUA_TFUNCTION);
    struct ls_lua_handler *all = reallocarray(lua->handlers, lua->handler_count + 1, sizeof *all);
    if (!all)
        luaL_error(L, "not enough memory");
    lua->handlers = all;
    lua_pushvalue(L, index);
    all[lua->handler_count] = (struct ls_lua_handler) { luaL_ref(L, LUA_REGISTRYINDEX), LUA_NOREF };
    return (int)lua->handler_count++;
}

/* Raises what the buffer says of the route. */
static int refuse(lua_State *L, struct ls_buffer *why, const char *where)
{
    ls_held_push(L, why);
    lua_pushfstring(L, "%s: %s", where, lua_tostring(L, -1));
    return lua_error(L);
}

/* late(): why it is too late to say what the server is to do; nothing while it is not. */
static int core_late(lua_State *L)
{
    const struct ls_lua *lua = ls_lua_of(L);
    if (!lua->loaded)
        return 0;
    lua_pushstring(L, lua->of_program ? "this can be done only before the server starts"
                                      : "this can be done only while the scripts load");
    return 1;
}

/* route { methods, pattern, handler or files, where, limits, host }: limits in bytes and microseconds.
 * The number of the route. */
static int core_route(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    struct ls_route route = { .handler = -1, .where = (char *)text_field(L, "where") };
    route.methods = method_bits(L, route.where);
    route.pattern = (char *)text_field(L, "pattern"); /* these are copied by the router */
    route.host = (char *)text_field(L, "host");
    route.own = own_limits(L);
    lua_getfield(L, 1, "files");
    route.files = (int)luaL_optinteger(L, -1, 0);
    if (route.files == 0) {
        lua_getfield(L, 1, "handler");
        route.handler = keep_handler(L, lua_gettop(L));
    }
    struct ls_buffer *why = ls_held_buffer(L);
    int err = ls_router_add(lua->router, &route, why);
    if (err == -ENOMEM)
        return luaL_error(L, "not enough memory");
    if (err < 0)
        return refuse(L, why, route.where);
    lua_pushinteger(L, (lua_Integer)ls_router_count(lua->router) - 1);
    return 1;
}

/* service { address, handler, where, limits }: a handler that has the connections to that address. */
static int core_service(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct ls_address address;
    struct ls_service_at service = { .address = (char *)text_field(L, "address"),
                                     .where = (char *)text_field(L, "where") };
    int err = ls_address_parse(ls_slice_of(service.address), &address);
    if (err < 0)
        return luaL_error(L,
                          "%s: app:tcp: expected an address such as \"127.0.0.1:55555\", "
                          "\"[::1]:0\" or \"unix:/path\", found \"%s\"",
                          service.where, service.address);
    service.own = own_limits(L);
    lua_getfield(L, 1, "handler");
    service.handler = keep_handler(L, lua_gettop(L));
    err = ls_services_add(ls_lua_of(L)->services, &service);
    if (err == -ENOSPC)
        return luaL_error(L, "%s: app:tcp: there are %d services already", service.where,
                          LS_SERVICES);
    return err < 0 ? luaL_error(L, "not enough memory") : 0;
}

/* around(route, function[, handler]): calls function(handler, req, res) for it from now on. */
static int core_around(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    size_t number = (size_t)luaL_checkinteger(L, 1);
    luaL_argcheck(L, number < ls_router_count(lua->router), 1, "no such route");
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int handler = ls_router_at(lua->router, number)->handler;
    if (handler < 0) {
        handler = keep_handler(L, 3);
        ls_router_set_handler(lua->router, number, handler);
    }
    lua_settop(L, 2);
    lua->handlers[handler].around = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* unrouted(function): asked with req and res before what no route answers. */
static int core_unrouted(lua_State *L)
{
    ls_lua_of(L)->unrouted = keep_handler(L, 1);
    return 0;
}

/* provide(name, function): see enum ls_provided. */
static int core_provide(lua_State *L)
{
    static const char *const names[] = { "recover", "cookies", "dev_page", "seal", NULL };
    int what = luaL_checkoption(L, 1, NULL, names);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    ls_lua_of(L)->provided[what] = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* folder(path, where, index, listing, max_age): opens it; its number for route. */
static int core_folder(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    const char *path = luaL_checkstring(L, 1), *where = luaL_checkstring(L, 2);
    struct ls_www www = { .index = luaL_checkstring(L, 3),
                          .listing = lua_toboolean(L, 4),
                          .max_age = (uint64_t)luaL_checkinteger(L, 5) };
    const char *folder = path;
    if (path[0] != '/' && lua->base)
        folder = lua_pushfstring(L, "%s/%s", lua->base, path);
    int number = ls_mounts_add(lua->mounts, folder, &www);
    if (number < 0)
        return luaL_error(L, "%s: cannot open the folder %s: %s", where, folder, strerror(-number));
    lua_pushinteger(L, number);
    return 1;
}

/* ---- patterns of hooks ---- */

struct kept_pattern {
    struct ls_pattern pattern;
    char store[];
};

/* pattern(text, where): to be matched with the path of the request at hand. */
static int core_pattern(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len), *why;
    luaL_argcheck(L, strlen(text) == len, 1, "a pattern cannot hold a NUL");
    struct kept_pattern *kept = lua_newuserdatauv(L, sizeof *kept + len + 1, 1);
    luaL_setmetatable(L, PATTERN);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1); /* names point into it */
    if (ls_pattern_parse(text, kept->store, &kept->pattern, &why) < 0) {
        lua_pushfstring(L, "%s: bad pattern \"%s\": %s", lua_tostring(L, 2), text, why);
        return lua_error(L);
    }
    return 1;
}

/* covers(pattern): does the request's path match it, or lie beneath it, where it ends in a splat? */
static int core_covers(lua_State *L)
{
    const struct kept_pattern *kept = luaL_checkudata(L, 1, PATTERN);
    lua_pushboolean(L, ls_pattern_covers(&kept->pattern, &ls_lua_of(L)->current->target));
    return 1;
}

/* ---- what comes without a handler ---- */

/* look(): the status that the request would get from files, or from nobody, and Allow. */
static int core_look(lua_State *L)
{
    struct ls_buffer *allow = ls_held_buffer(L);
    int status = ls_dispatch_look(ls_lua_of(L)->current, allow);
    bool told = allow->len > 0;
    ls_held_push(L, allow);
    lua_pushinteger(L, status);
    lua_insert(L, -2);
    return told ? 2 : (lua_pop(L, 1), 1);
}

/* at_host(name): do the routes of this host, as app:host has it, answer the request? */
static int core_at_host(lua_State *L)
{
    const struct ls_lua *lua = ls_lua_of(L);
    int host = ls_router_named(lua->router, luaL_checkstring(L, 1));
    lua_pushboolean(L, host > 0 && host == lua->current->host);
    return 1;
}

/* begun(): has part of the response been written? */
static int core_begun(lua_State *L)
{
    lua_pushboolean(L, ls_answer_begun(ls_lua_of(L)->current));
    return 1;
}

/* handler_of(route): the number of its handler; < 0: files answer. */
static int core_handler_of(lua_State *L)
{
    const struct ls_router *router = ls_lua_of(L)->router;
    size_t number = (size_t)luaL_checkinteger(L, 1);
    luaL_argcheck(L, number < ls_router_count(router), 1, "no such route");
    lua_pushinteger(L, ls_router_at(router, number)->handler);
    return 1;
}

static uint64_t time_field(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    return (uint64_t)luaL_checkinteger(L, -1);
}

/* schedule { name, handler, where, interval, first, limits }: a handler that is called at intervals. */
static int core_schedule(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct ls_schedule schedule = { .name = (char *)text_field(L, "name"),
                                    .where = (char *)text_field(L, "where"),
                                    .interval = time_field(L, "interval"),
                                    .first = time_field(L, "first") };
    schedule.own = own_limits(L);
    lua_getfield(L, 1, "handler");
    schedule.handler = keep_handler(L, lua_gettop(L));
    int err = ls_schedules_add(ls_lua_of(L)->schedules, &schedule);
    if (err == -ENOSPC)
        return luaL_error(L, "%s: app:every: there are %d schedules already", schedule.where,
                          LS_SCHEDULES);
    if (err == -EEXIST)
        return luaL_error(L, "%s: app:every: the name \"%s\" is there already", schedule.where,
                          schedule.name);
    return err < 0 ? luaL_error(L, "not enough memory") : 0;
}

void ls_routes_open(lua_State *L)
{
    static const luaL_Reg functions[] = { { "route", core_route },
                                          { "around", core_around },
                                          { "unrouted", core_unrouted },
                                          { "provide", core_provide },
                                          { "folder", core_folder },
                                          { "pattern", core_pattern },
                                          { "covers", core_covers },
                                          { "look", core_look },
                                          { "at_host", core_at_host },
                                          { "begun", core_begun },
                                          { "handler_of", core_handler_of },
                                          { "service", core_service },
                                          { "schedule", core_schedule },
                                          { "late", core_late },
                                          { NULL, NULL } };
    luaL_newmetatable(L, PATTERN);
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
