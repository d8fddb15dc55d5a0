#include "lua/duplex.h"

#include <errno.h>
#include <poll.h>
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

struct ls_duplex {
    struct ls_second second;
    struct ls_conn *conn; /* lives as long: it is held beside */
    bool open;            /* there is a second process, as far as we know */
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

static void take(struct ls_duplex *d, const char *packet, size_t len)
{
    if (len == 2 && packet[0] == END) {
        d->ended = true;
        d->conn->wire.eof = packet[1];
        if (d->conn->relayed)
            d->conn->relayed(d->conn, 0, (struct ls_slice) { NULL, 0 });
    } else if (len >= 2 && packet[0] == FRAME && d->conn->relayed) {
        d->conn->relayed(d->conn, packet[1], (struct ls_slice) { packet + 2, len - 2 });
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
    char packet[PACKET];
    long got = 1;
    while (!d->ended && got > 0) {
        got = ls_sys_read(d->second.news, packet, sizeof packet);
        if (got > 0)
            take(d, packet, (size_t)got);
        d->failed |= got == 0;
    }
    if (d->failed)
        raise_quietly(L);
}

void ls_duplex_add(const struct ls_duplex *d, struct ls_events *events)
{
    if (!d->ended)
        ls_events_add(events, d->second.news, POLLIN);
    if (d->conn->out.len > 0)
        ls_events_add(events, d->conn->wire.fd, POLLOUT);
}

bool ls_duplex_has_ended(const struct ls_duplex *d)
{
    return d->ended;
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
    for (const struct ls_conn *conn = lua->conns; conn; conn = conn->next)
        if (conn->maker == lua->current && conn->wire.fd >= 0 && second->kept < LS_SECOND_KEEPS)
            second->keep[second->kept++] = conn->wire.fd;
}

/* split(conn, reader): what await wants. In the second process it calls reader(conn), and does not return. All
 * that may fail is done before. */
static int core_split(lua_State *L)
{
    struct ls_conn *conn = ls_conn_check(L, 1);
    struct ls_engine *e = ls_lua_of(L)->current;
    lua_settop(L, 2);
    if (!e || conn->e != e || conn->wire.fd < 0)
        return luaL_error(L, "duplex: only for the client's own connection, while it is open");
    if (conn->half != LS_HALF_NONE)
        return luaL_error(L, "duplex: the connection has been split already");
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 2);
    struct ls_duplex *d = lua_newuserdatauv(L, sizeof *d, 0);
    memset(d, 0, sizeof *d);
    luaL_setmetatable(L, DUPLEX);
    list_own(L, &d->second);
    int is = e->driver->split ? e->driver->split(e->driver, e, &d->second) : -ENOSYS;
    if (is == 0)
        be_reader(L, co, conn, d->second.news);
    if (is < 0)
        return split_failed(L, is);
    d->open = true;
    d->conn = conn;
    conn->half = LS_HALF_WRITER;
    ((struct ls_call *)e->handler)->duplex = d;
    return 1;
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
    struct ls_duplex *d = luaL_checkudata(L, 1, DUPLEX);
    struct ls_engine *e = ls_lua_of(L)->current;
    if (!d->open || !e)
        return 0;
    d->open = false;
    ((struct ls_call *)e->handler)->duplex = NULL;
    e->driver->join(e->driver, &d->second,
                    d->ended    ? LS_SECOND_DONE
                    : d->failed ? LS_SECOND_DYING
                                : LS_SECOND_KILL);
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
