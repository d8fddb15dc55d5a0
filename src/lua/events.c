/* Waiting for sockets, for time, and for news. */
#include "lua/conn.h"

#include "base/clock.h"
#include "exchange/answer.h"
#include "exchange/live.h"
#include "lua/handler.h"
#include "lua/wait.h"

enum { ALL_SOURCES = 1, CLIENT_LEFT = POLLHUP | POLLERR | POLLRDHUP };

static void add(struct ls_events *events, int fd, int what)
{
    if (fd >= 0 && events->count < LS_EVENTS_SOCKETS)
        events->all[events->count++] = (struct pollfd) { .fd = fd, .events = (short)what };
}

/* Half of a connection that is left may be all that a raw client wants; others have gone. */
static int leaving(const struct ls_engine *e)
{
    return e->live == LS_LIVE_RAW ? 0 : POLLRDHUP;
}

static void add_sources(lua_State *L, struct ls_events *events, const struct ls_engine *e, int what)
{
    bool client = false;
    for (int i = 2; i <= lua_gettop(L); i++) {
        const struct ls_conn *conn = ls_conn_test(L, i);
        if (!conn)
            continue;
        add(events, conn->wire.fd, what | (conn->out.len > 0 ? POLLOUT : 0));
        if (!events->finishing)
            events->until = ls_clock_sooner(events->until, conn->due);
        client |= conn->e != NULL;
    }
    if (!client && e->live != LS_LIVE_NOT && !e->eof)
        add(events, e->driver->socket(e->driver, (struct ls_engine *)e), leaving(e));
}

/* ---- heartbeats ---- */

static int begin(lua_State *L, lua_KContext what);

static int beaten(lua_State *L, int status, lua_KContext what)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    (void)status;
    ls_wait_check(L);
    if (!ls_output_pending(&e->out))
        return begin(L, what);
    ls_engine_set_need(e, LS_NEED_OUTPUT, LS_PHASE_SEND, 0);
    return ls_wait(L, what, beaten);
}

/* A comment, which no one sees: it only shows that we are there, and whether the client still is. */
static int beat(lua_State *L, lua_KContext what)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    struct ls_call *call = e->handler;
    call->beat_at = ls_clock_us() + call->beat;
    if (ls_answer_piece(e, LS_SLICE(":\n\n")) < 0)
        return luaL_error(L, "not enough memory");
    return beaten(L, LUA_OK, what);
}

/* ---- waiting ---- */

/* The implicit one, if there is any, stands last. */
static bool client_has_left(const struct ls_engine *e, const struct ls_events *events)
{
    const struct pollfd *last = &events->all[events->count - 1];
    return e->live != LS_LIVE_NOT && events->count > 0 && !(last->events & (POLLIN | POLLOUT)) &&
           (last->revents & CLIENT_LEFT);
}

/* Results: true: look; false: it is time; nil: the server stops. */
static int waited(lua_State *L, int status, lua_KContext what)
{
    struct ls_lua *lua = ls_lua_of(L);
    struct ls_engine *e = lua->current;
    struct ls_call *call = e->handler;
    uint64_t until = (uint64_t)lua_tointeger(L, 1), now = ls_clock_us();
    (void)status;
    if (client_has_left(e, &call->events))
        ls_engine_gone(e);
    ls_wait_check(L);
    if (e->streaming && ls_site_stops(e->site) && !call->events.finishing)
        return lua_pushnil(L), 1;
    if (call->beat_at > 0 && now >= call->beat_at && !(until > 0 && now >= until))
        return beat(L, what);
    ls_engine_enter_handler(e);
    ls_wait_check(L);
    lua_pushboolean(L, until == 0 || now < until);
    return 1;
}

static int begin(lua_State *L, lua_KContext what)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    struct ls_call *call = e->handler;
    struct ls_events *events = &call->events;
    *events =
        (struct ls_events) { .until = (uint64_t)lua_tointeger(L, 1), .finishing = what == POLLOUT };
    add_sources(L, events, e, (int)what);
    if (e->live == LS_LIVE_EVENTS)
        events->until = ls_clock_sooner(events->until, call->beat_at);
    ls_engine_set_events(e, events);
    return ls_wait(L, what, waited);
}

/* wait(until, source …): until one of the sources may have something (they were tried just now), or that
 * time in µs, 0: none. */
static int core_wait(lua_State *L)
{
    luaL_checkinteger(L, 1);
    return begin(L, POLLIN);
}

/* wait_out(until, conn): until it can be written to. True or false. */
static int core_wait_out(lua_State *L)
{
    luaL_checkinteger(L, 1);
    ls_conn_check(L, 2);
    return begin(L, POLLOUT);
}

/* stops(): does the server stop? */
static int core_stops(lua_State *L)
{
    lua_pushboolean(L, ls_site_stops(ls_lua_of(L)->current->site));
    return 1;
}

/* now(): µs. */
static int core_now(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ls_clock_us());
    return 1;
}

static int slept(lua_State *L, int status, lua_KContext ctx)
{
    uint64_t until = (uint64_t)lua_tointeger(L, 1);
    (void)status, (void)ctx;
    if (lua_isnil(L, -1))
        return luaL_error(L, "the server stops");
    if (ls_clock_us() >= until)
        return 0;
    lua_settop(L, 1);
    lua_pushcfunction(L, core_wait);
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 1, 0, slept);
    return slept(L, LUA_OK, 0);
}

int ls_events_sleep(lua_State *L, uint64_t until)
{
    lua_settop(L, 0);
    lua_pushinteger(L, (lua_Integer)until);
    lua_pushboolean(L, 1);
    return slept(L, LUA_OK, 0);
}

void ls_events_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "wait", core_wait },
                                          { "wait_out", core_wait_out },
                                          { "now", core_now },
                                          { "stops", core_stops },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}
