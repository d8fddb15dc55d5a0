#include "lua/duplex.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "exchange/answer.h"
#include "exchange/second.h"
#include "http/websocket.h"
#include "lua/app.h"
#include "lua/failure.h"
#include "lua/handler.h"
#include "lua/interrupt.h"
#include "os/sys.h"

#define DUPLEX "luaserve duplex"

/* A packet: its kind, then what belongs to it. */
enum kind { FRAME = 'f', END = 'e' };

enum { PACKET = 2 + LS_WS_CONTROL }; /* bytes: kind, opcode, payload */

struct ls_duplex { /* of a call: it ends with that at the latest, whatever Lua does */
    struct ls_second second;
    struct ls_conn *conn; /* the client's, which lives as long */
    bool joined;          /* the driver has been told what became of the second process */
    bool ended, failed;   /* the reader: well; or not */
};

/* ---- the reader ---- */

/* Pongs may be lost when the writer does not keep up (RFC 6455 5.5.3); what ends the connection waits for it. If
 * the writer is gone, so will we be. */
static void tell(const struct ls_conn *conn, const char *packet, size_t len, bool needed)
{
    struct pollfd room = { .fd = conn->relay, .events = POLLOUT };
    while (ls_sys_write(conn->relay, packet, len) == -EAGAIN && needed)
        ls_sys_ppoll(&room, 1, NULL, NULL);
}

void ls_duplex_relay(const struct ls_conn *conn, int opcode, struct ls_slice payload)
{
    char packet[PACKET] = { FRAME, (char)opcode };
    size_t len = payload.len < LS_WS_CONTROL ? payload.len : LS_WS_CONTROL;
    if (len > 0)
        memcpy(packet + 2, payload.at, len);
    tell(conn, packet, 2 + len, opcode == LS_WS_CLOSE);
}

/* Runs the function that `co` holds with its argument, and ends the process: nothing of what stands below in
 * this copy of the stack is ever returned to. */
static void be_reader(lua_State *L, lua_State *co, struct ls_conn *conn, int news)
{
    struct ls_lua *lua = ls_lua_of(L);
    struct ls_engine *e = lua->current;
    struct ls_call *call = e->handler;
    int left;
    conn->half = LS_HALF_READER;
    conn->relay = news;
    call->thread = co;
    ls_lua_allow(lua, e->limits.memory);
    ls_interrupt_enter(lua, co);
    int status = lua_resume(co, L, 1, &left);
    if (status == LUA_OK || (call->enough && !lua->interrupted)) {
        const char end[] = { END, conn->wire.eof };
        tell(conn, end, sizeof end, true);
    } else {
        ls_failure_answer(lua, e, status);
    }
    e->driver->leave(e->driver, e);
}

/* ---- the writer ---- */

static void join(struct ls_duplex *d, struct ls_engine *e, enum ls_second_end end)
{
    if (!d->joined)
        e->driver->join(e->driver, &d->second, end);
    d->joined = true;
}

static void take(struct ls_duplex *d, const char *packet, size_t len)
{
    if (len == 2 && packet[0] == END) {
        d->ended = true;
        d->conn->wire.eof = packet[1];
        if (d->conn->relayed)
            d->conn->relayed(d->conn, LS_RELAY_END, (struct ls_slice) { NULL, 0 });
    } else if (len >= 2 && packet[0] == FRAME && d->conn->relayed) {
        d->conn->relayed(d->conn, packet[1], (struct ls_slice) { packet + 2, len - 2 });
    }
}

static void take_all(struct ls_duplex *d)
{
    char packet[PACKET];
    long got = 1;
    while (!d->ended && got > 0) {
        got = ls_sys_read(d->second.news, packet, sizeof packet);
        if (got > 0)
            take(d, packet, (size_t)got);
        d->failed |= got == 0;
    }
}

/* The log has it already: from the reader itself, or from who has reaped it. */
static int raise_quietly(lua_State *L)
{
    lua_newtable(L);
    lua_pushliteral(L, "the reader of this connection has failed");
    lua_setfield(L, -2, "message");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ls_app_abort);
    lua_setmetatable(L, -2);
    return lua_error(L);
}

void ls_duplex_listen(lua_State *L, struct ls_duplex *d)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    if (d->conn->relayed)
        d->conn->relayed(d->conn, LS_RELAY_NOTHING, (struct ls_slice) { NULL, 0 });
    if (!d->joined) {
        take_all(d);
        if (d->ended || d->failed) {
            join(d, e, d->ended ? LS_SECOND_DONE : LS_SECOND_DYING);
            ls_engine_enter_handler(e); /* whoever thought that we do not look is wrong */
        }
    }
    if (d->failed)
        raise_quietly(L);
}

void ls_duplex_add(const struct ls_duplex *d, struct ls_events *events)
{
    if (!d->joined)
        ls_events_add(events, d->second.news, POLLIN);
    if (d->conn->out.len > 0)
        ls_events_add(events, d->conn->wire.fd, POLLOUT);
}

bool ls_duplex_has_ended(const struct ls_duplex *d)
{
    return d->ended;
}

void ls_duplex_end(struct ls_call *call, struct ls_engine *e)
{
    struct ls_duplex *d = call->duplex;
    call->duplex = NULL;
    if (!d)
        return;
    join(d, e, LS_SECOND_KILL);
    free(d);
}

/* ---- the beginning and the end ---- */

static int split_failed(lua_State *L, int err)
{
    if (err == -EPERM)
        return luaL_error(L, "duplex: the sandbox forbids a second process (processes)");
    return luaL_error(L, "duplex: there is no second process: %s", strerror(-err));
}

/* The second process keeps, beside the client's, what this handler has opened itself. */
static void list_own(lua_State *L, struct ls_second *second)
{
    const struct ls_lua *lua = ls_lua_of(L);
    for (const struct ls_conn *conn = lua->conns; conn; conn = conn->next) {
        if (conn->maker != lua->current || conn->wire.fd < 0)
            continue;
        if (second->kept == LS_SECOND_KEEPS)
            luaL_error(L, "duplex: at most %d connections that the handler has made",
                       LS_SECOND_KEEPS);
        second->keep[second->kept++] = conn->wire.fd;
    }
}

/* A coroutine that calls the function at index 2 with what is at index 1, on top of the stack. */
static lua_State *push_reader(lua_State *L)
{
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 2);
    return co;
}

/* In both processes; what may fail in Lua has been done. */
static int split(lua_State *L, struct ls_conn *conn, lua_State *co, struct ls_second *second)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    struct ls_duplex *d = calloc(1, sizeof *d);
    int is = !d ? -ENOMEM : e->driver->split ? e->driver->split(e->driver, e, second) : -ENOSYS;
    if (is == 0)
        be_reader(L, co, conn, second->news);
    if (is < 0) {
        free(d);
        return is;
    }
    *d = (struct ls_duplex) { .second = *second, .conn = conn };
    conn->half = LS_HALF_WRITER;
    ((struct ls_call *)e->handler)->duplex = d;
    return is;
}

/* split(conn, reader): in the second process calls reader(conn), and does not return. In the first one a value
 * that ends the second one when it is closed. */
static int core_split(lua_State *L)
{
    struct ls_conn *conn = ls_conn_check(L, 1);
    const struct ls_engine *e = ls_lua_current(L);
    struct ls_second second = { .news = -1, .pidfd = -1 };
    lua_settop(L, 2);
    if (conn->e != e || conn->wire.fd < 0)
        return luaL_error(L, "duplex: only for the client's own connection, while it is open");
    if (conn->half != LS_HALF_NONE)
        return luaL_error(L, "duplex: the connection has been split already");
    list_own(L, &second);
    lua_State *co = push_reader(L);
    lua_newuserdatauv(L, 0, 0);
    luaL_setmetatable(L, DUPLEX);
    int is = split(L, conn, co, &second);
    return is < 0 ? split_failed(L, is) : 1;
}

/* said_all(conn): the writer is done, and where that can be said, the client is told. */
static int core_said_all(lua_State *L)
{
    struct ls_conn *conn = ls_conn_check(L, 1);
    if (!conn->relayed && conn->wire.fd >= 0)
        conn->shut = ls_sys_shutdown(conn->wire.fd, SHUT_WR) == 0;
    return 0;
}

static int duplex_close(lua_State *L)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    if (e)
        ls_duplex_end(e->handler, e);
    return 0;
}

void ls_duplex_open(lua_State *L)
{
    luaL_newmetatable(L, DUPLEX);
    lua_pushcfunction(L, duplex_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
}

void ls_duplex_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "split", core_split },
                                          { "said_all", core_said_all },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}
