/* Waiting for sockets, for time, and for news. */
#include "lua/conn.h"

#include "base/clock.h"
#include "exchange/answer.h"
#include "exchange/live.h"
#include "lua/duplex.h"
#include "lua/handler.h"
#include "lua/wait.h"

/* What is waited for: POLLIN or POLLOUT of the sources, or that the reader of a duplex ends. */
enum { READER_ENDS = 0x10000, CLIENT_LEFT = POLLHUP | POLLERR | POLLRDHUP };

static void add(lua_State *L, struct ls_events *events, int fd, int what)
{
    if (events->count == LS_EVENTS_SOCKETS - LS_EVENTS_OWN)
        luaL_error(L, "waits for more than %d connections at once",
                   LS_EVENTS_SOCKETS - LS_EVENTS_OWN);
    ls_events_add(events, fd, what);
}

/* Half of a connection that is left may be all that a raw client wants: for a while, after which it is taken for
 * one that has gone. Others that get an answer without end have gone at once. */
static int leaving(const struct ls_call *call)
{
    return call->left_at > 0 ? 0 : POLLRDHUP;
}

static uint64_t leaves_at(const struct ls_engine *e)
{
    const struct ls_call *call = e->handler;
    return call->left_at > 0 ? call->left_at + e->limits.live_timeout : 0;
}

/* In the writer of a duplex somebody else reads, and looks at the clock. */
static void add_conn(lua_State *L, struct ls_events *events, const struct ls_conn *conn, int what)
{
    bool reads = conn->half != LS_HALF_WRITER;
    if (reads && !events->finishing)
        events->until = ls_clock_sooner(events->until, conn->due);
    if (!reads)
        what &= ~POLLIN;
    if (what)
        add(L, events, conn->wire.fd, what);
}

static void add_sources(lua_State *L, struct ls_events *events, const struct ls_engine *e, int what)
{
    const struct ls_call *call = e->handler;
    bool client = false;
    for (int i = 2; i <= lua_gettop(L); i++) {
        const struct ls_conn *conn = ls_conn_test(L, i);
        if (!conn)
            continue;
        add_conn(L, events, conn, what | (conn->out.len > 0 ? POLLOUT : 0));
        client |= conn->e != NULL;
    }
    if (call->duplex)
        ls_duplex_add(call->duplex, events);
    else if (!client && e->streaming && !e->eof)
        ls_events_add(events, e->driver->socket(e->driver, (struct ls_engine *)e), leaving(call));
}

/* ---- heartbeats ---- */

static int begin(lua_State *L, lua_KContext what);
static int look(lua_State *L);

/* What came meanwhile may have been told of already, and is not told of again: sources are looked at. */
static int beaten(lua_State *L, int status, lua_KContext what)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    (void)status;
    ls_wait_check(L);
    if (!ls_output_pending(&e->out))
        return what == POLLOUT ? begin(L, what) : look(L);
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
static bool client_has_left(const struct ls_engine *e, const struct ls_events *events, uint64_t now)
{
    struct ls_call *call = e->handler;
    if (!e->streaming || events->count == 0)
        return false;
    const struct pollfd *last = &events->all[events->count - 1];
    if (last->events & (POLLIN | POLLOUT))
        return false;
    bool half = e->live == LS_LIVE_RAW && !(last->revents & (POLLHUP | POLLERR));
    if (half && (last->revents & POLLRDHUP))
        call->left_at = now;
    return half ? call->left_at > 0 && now >= leaves_at(e) : (last->revents & CLIENT_LEFT) != 0;
}

/* Back to the handler: true, or false when it is time. */
static int look(lua_State *L)
{
    uint64_t until = (uint64_t)lua_tointeger(L, 1);
    ls_engine_enter_handler(ls_lua_of(L)->current);
    ls_wait_check(L);
    lua_pushboolean(L, until == 0 || ls_clock_us() < until);
    return 1;
}

/* Results: true: look; false: it is time; nil: the server stops. */
static int waited(lua_State *L, int status, lua_KContext what)
{
    struct ls_lua *lua = ls_lua_of(L);
    struct ls_engine *e = lua->current;
    struct ls_call *call = e->handler;
    uint64_t until = (uint64_t)lua_tointeger(L, 1), now = ls_clock_us();
    (void)status;
    if (client_has_left(e, &call->events, now))
        ls_engine_gone(e);
    ls_wait_check(L);
    if (call->events.refused)
        return luaL_error(L, "one of the connections is closed, or another handler waits for it");
    if (call->duplex)
        ls_duplex_listen(L, call->duplex);
    if (e->streaming && ls_site_stops(e->site) && !call->events.finishing)
        return lua_pushnil(L), 1;
    if (call->beat_at > 0 && now >= call->beat_at && !(until > 0 && now >= until))
        return beat(L, what);
    return look(L);
}

/* A connection that the handler has made: what comes from there may still be for the client. */
static bool asks_others(lua_State *L)
{
    for (int i = 2; i <= lua_gettop(L); i++) {
        const struct ls_conn *conn = ls_conn_test(L, i);
        if (conn && !conn->e && conn->wire.fd >= 0)
            return true;
    }
    return false;
}

static int begin(lua_State *L, lua_KContext what)
{
    struct ls_engine *e = ls_lua_current(L);
    struct ls_call *call = e->handler;
    struct ls_events *events = &call->events;
    if (call->duplex && what == POLLIN && ls_duplex_has_ended(call->duplex) && !asks_others(L))
        return lua_pushnil(L), 1;
    *events =
        (struct ls_events) { .until = (uint64_t)lua_tointeger(L, 1), .finishing = what != POLLIN };
    add_sources(L, events, e, (int)what & (POLLIN | POLLOUT));
    if (e->live == LS_LIVE_EVENTS)
        events->until = ls_clock_sooner(events->until, call->beat_at);
    events->until = ls_clock_sooner(events->until, leaves_at(e));
    ls_engine_set_events(e, events);
    return ls_wait(L, what, waited);
}

/* Was the last try of any of the sources none that asks the kernel? */
static bool was_passed(lua_State *L)
{
    for (int i = 2; i <= lua_gettop(L); i++) {
        const struct ls_conn *conn = ls_conn_test(L, i);
        if (conn && conn->passed > 0)
            return true;
    }
    return false;
}

/* wait(until, source …): until one of the sources may have something (they were tried just now), or that
 * time in µs, 0: none. */
static int core_wait(lua_State *L)
{
    uint64_t until = (uint64_t)luaL_checkinteger(L, 1);
    if (until > 0 && was_passed(L) && ls_clock_us() >= until) {
        ls_lua_of(L)->waits++; /* it is asked, before time is up */
        lua_pushboolean(L, 1);
        return 1;
    }
    return begin(L, POLLIN);
}

/* wait_out(until, conn): until it can be written to. True or false. */
static int core_wait_out(lua_State *L)
{
    luaL_checkinteger(L, 1);
    ls_conn_check(L, 2);
    return begin(L, POLLOUT);
}

static int wait_for_reader(lua_State *L)
{
    return begin(L, READER_ENDS);
}

static int awaited(lua_State *L, int status, lua_KContext ctx)
{
    struct ls_call *call = ls_lua_of(L)->current->handler;
    (void)status, (void)ctx;
    lua_settop(L, 1);
    if (ls_duplex_has_ended(call->duplex))
        return 0;
    lua_pushcfunction(L, wait_for_reader);
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 0, 0, awaited);
    return awaited(L, LUA_OK, 0);
}

/* await(): until the reader of the duplex has ended; what it wants to be sent meanwhile is. */
static int core_await(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushinteger(L, 0);
    return awaited(L, LUA_OK, 0);
}

/* stops(): does the server stop? */
static int core_stops(lua_State *L)
{
    lua_pushboolean(L, ls_site_stops(ls_lua_of(L)->current->site));
    return 1;
}

/* running(): does a handler run? */
static int core_running(lua_State *L)
{
    lua_pushboolean(L, ls_lua_of(L)->current != NULL);
    return 1;
}

/* now(): µs. */
static int core_now(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ls_clock_us());
    return 1;
}

/* send_timeout(), live_timeout(): of the request at hand, in µs. */
static int core_send_timeout(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ls_lua_current(L)->limits.send_timeout);
    return 1;
}

static int core_live_timeout(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)ls_lua_current(L)->limits.live_timeout);
    return 1;
}

static int slept(lua_State *L, int status, lua_KContext ctx)
{
    uint64_t until = (uint64_t)lua_tointeger(L, 1);
    (void)status, (void)ctx;
    if (lua_isnil(L, -1))
        return ls_call_enough(L, "the server stops");
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
                                          { "send_timeout", core_send_timeout },
                                          { "live_timeout", core_live_timeout },
                                          { "stops", core_stops },
                                          { "running", core_running },
                                          { "await", core_await },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}
