#include "lua/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "exchange/live.h"
#include "lua/duplex.h"
#include "lua/handler.h"
#include "lua/sockets.h"
#include "os/sys.h"

enum {
    OUT_KEPT = 4 << 10,    /* bytes of memory that an empty output keeps */
    LINE_MOST = 1 << 20,   /* bytes of a line */
    TURN = 256 << 10,      /* bytes that are read before it is somebody else's turn … */
    TURN_TRIES = 32,       /* … or tries */
    READ_MOST = 256 << 20, /* bytes of one read; limits.memory is there before, as a rule */
    PASSED_MOST = 16 /* tries: other sources that always have something are not to hide this one */
};

/* ---- errors ---- */

static const char *code_of(int err)
{
    const char *name = strerrorname_np(-err);
    return name ? name : "EIO";
}

static const char *text_of(int err)
{
    switch (err) {
    case -ECONNRESET:
    case -EPIPE:
        return "the connection was reset";
    case -ETIMEDOUT:
        return "timed out";
    default:
        return strerror(-err);
    }
}

int ls_conn_failed(lua_State *L, int err)
{
    if (err == -ENOMEM)
        return luaL_error(L, "not enough memory");
    luaL_pushfail(L);
    lua_pushstring(L, text_of(err));
    lua_pushstring(L, code_of(err));
    return 3;
}

int ls_conn_gone(lua_State *L, struct ls_conn *conn)
{
    if (!conn->e)
        return luaL_error(L, "the connection is closed");
    ls_engine_gone(conn->e);
    return luaL_error(L, "the client has gone");
}

/* ---- which one ---- */

struct ls_conn *ls_conn_test(lua_State *L, int index)
{
    struct ls_conn *conn = luaL_testudata(L, index, LS_CONN);
    return conn ? conn : luaL_testudata(L, index, LS_SOCKET);
}

void ls_conn_check_owner(lua_State *L, const struct ls_conn *conn)
{
    if (conn->e && conn->e != ls_lua_of(L)->current)
        luaL_error(L, "this is another client's connection: reach it by a channel (app.channel)");
}

struct ls_conn *ls_conn_check(lua_State *L, int index)
{
    struct ls_conn *conn = ls_conn_test(L, index);
    if (!conn)
        luaL_typeerror(L, index, "connection");
    ls_conn_check_owner(L, conn);
    return conn;
}

/* Calls that end with `conn.read(…)` instead of `conn:read(…)` are told so by this as well. */
static struct ls_conn *check_raw(lua_State *L)
{
    struct ls_conn *conn = luaL_checkudata(L, 1, LS_CONN);
    ls_conn_check_owner(L, conn);
    return conn;
}

struct ls_conn *ls_conn_push(lua_State *L)
{
    struct ls_conn *conn = lua_newuserdatauv(L, sizeof *conn, 1);
    memset(conn, 0, sizeof *conn);
    ls_wire_init(&conn->wire, -1, false);
    luaL_setmetatable(L, LS_CONN);
    return conn;
}

void ls_conn_own(lua_State *L, struct ls_conn *conn, int fd)
{
    struct ls_lua *lua = ls_lua_of(L);
    ls_wire_init(&conn->wire, fd, true);
    conn->maker = lua->current;
    conn->next = lua->conns;
    conn->before = &lua->conns;
    if (conn->next)
        conn->next->before = &conn->next;
    lua->conns = conn;
}

static void unlink_conn(struct ls_conn *conn)
{
    if (!conn->before)
        return;
    *conn->before = conn->next;
    if (conn->next)
        conn->next->before = conn->before;
    conn->before = NULL;
}

void ls_conn_push_client(lua_State *L, struct ls_engine *e)
{
    struct ls_conn *conn = ls_conn_push(L);
    ls_wire_init(&conn->wire, e->driver->socket(e->driver, e), false);
    conn->e = e;
    conn->peer = e->peer;
    ((struct ls_call *)e->handler)->conn = conn;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, conn); /* stays until ls_conn_forget */
}

void ls_conn_forget(struct ls_call *call)
{
    struct ls_conn *conn = call->conn;
    call->conn = NULL;
    if (!conn)
        return;
    ls_wire_close(&conn->wire);
    ls_buffer_free(&conn->out);
    conn->e = NULL;
    lua_pushnil(call->thread);
    lua_rawsetp(call->thread, LUA_REGISTRYINDEX, conn);
}

/* ---- reading ---- */

long ls_conn_fill(lua_State *L, struct ls_conn *conn)
{
    uint64_t waits = ls_lua_of(L)->waits;
    if (conn->emptied == waits && conn->passed < PASSED_MOST && !conn->wire.eof) {
        conn->passed++;
        return -EAGAIN;
    }
    size_t room = conn->wire.room;
    long got = ls_wire_fill(&conn->wire);
    conn->turn = got > 0 ? conn->turn + (size_t)got : 0;
    bool all = got == -EAGAIN || (got > 0 && (size_t)got < room);
    conn->emptied = all ? waits : 0;
    conn->passed = 0;
    return got;
}

bool ls_conn_is_anothers_turn(struct ls_conn *conn)
{
    conn->turn += TURN / TURN_TRIES;
    if (conn->turn < TURN)
        return false;
    conn->turn = 0;
    conn->due = 1; /* long ago */
    return true;
}

static int give(lua_State *L, struct ls_conn *conn, size_t len, size_t used)
{
    lua_pushboolean(L, 1);
    lua_pushlstring(L, ls_wire_there(&conn->wire).at, len);
    ls_wire_use(&conn->wire, used);
    return 2;
}

/* What is there may be all that there will ever be: give it, or say that this is the end. */
static int give_rest(lua_State *L, struct ls_conn *conn)
{
    struct ls_slice there = ls_wire_there(&conn->wire);
    if (there.len > 0)
        return give(L, conn, there.len, there.len);
    lua_pushboolean(L, 1);
    if (conn->wire.failed)
        return 1 + ls_conn_failed(L, conn->wire.failed);
    lua_pushnil(L);
    return 2;
}

/* Length of the first line, its end not counted; < 0: there is none yet. */
static int64_t line_in(struct ls_slice there)
{
    size_t end = ls_slice_find(there, 0, '\n');
    return end == there.len ? -1 : (int64_t)end;
}

enum wanted { WANT_SOME, WANT_COUNT, WANT_LINE, WANT_ALL };

static enum wanted read_wanted(lua_State *L, size_t *count)
{
    static const char *const names[] = { "line", "all", NULL };
    *count = 0;
    if (lua_isnoneornil(L, 2))
        return WANT_SOME;
    if (lua_type(L, 2) != LUA_TNUMBER)
        return luaL_checkoption(L, 2, NULL, names) == 0 ? WANT_LINE : WANT_ALL;
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 1 && n <= READ_MOST, 2, "from 1 to 268435456 bytes");
    *count = (size_t)n;
    return WANT_COUNT;
}

/* True, nil, message, code: it is the client's fault, and none of the handler's. */
static int too_long(lua_State *L)
{
    lua_pushboolean(L, 1);
    luaL_pushfail(L);
    lua_pushfstring(L, "a line of more than %d bytes", LINE_MOST);
    lua_pushliteral(L, "EMSGSIZE");
    return 4;
}

/* Is what is wanted there? Then the number of results; 0: not yet. */
static int give_wanted(lua_State *L, struct ls_conn *conn, enum wanted wanted, size_t count)
{
    struct ls_slice there = ls_wire_there(&conn->wire);
    if (wanted == WANT_SOME && there.len > 0)
        return give(L, conn, there.len, there.len);
    if (wanted == WANT_COUNT && there.len >= count)
        return give(L, conn, count, count);
    if (wanted != WANT_LINE)
        return 0;
    int64_t line = line_in(there);
    if (line < 0 && there.len > LINE_MOST)
        return too_long(L);
    if (line < 0)
        return 0;
    bool cr = line > 0 && there.at[line - 1] == '\r';
    return give(L, conn, (size_t)line - cr, (size_t)line + 1);
}

/* The heap's bound holds for what is read too, which is not in the heap yet. */
static void check_memory(lua_State *L, const struct ls_conn *conn)
{
    const struct ls_heap *heap = &ls_lua_of(L)->heap;
    if (heap->limit > 0 && conn->wire.in.len > heap->limit - heap->loaded)
        luaL_error(L, "not enough memory");
}

/* try(conn, what): true and what was wanted; true and nil at the end (with message and code when the
 * connection broke); false: it is not there yet. */
static int core_try(lua_State *L)
{
    size_t count;
    struct ls_conn *conn = check_raw(L);
    if (conn->half == LS_HALF_WRITER)
        return luaL_error(L, "conn:read in the process that writes (conn:duplex)");
    enum wanted wanted = read_wanted(L, &count);
    conn->due = 0;
    while (!ls_conn_is_anothers_turn(conn)) {
        int results = give_wanted(L, conn, wanted, count);
        if (results > 0)
            return results;
        long got = ls_conn_fill(L, conn);
        check_memory(L, conn);
        if (got == -ENOMEM)
            return luaL_error(L, "not enough memory");
        if (got <= 0 && got != -EAGAIN)
            return give_rest(L, conn);
        if (got < 0)
            break;
    }
    lua_pushboolean(L, 0);
    return 1;
}

/* ---- writing ---- */

/* A writer that never waits is to hear of its reader's end too. */
static void listen_to_reader(lua_State *L, const struct ls_conn *conn)
{
    const struct ls_call *call = ls_lua_current(L)->handler;
    if (call->duplex && call->conn == conn)
        ls_duplex_listen(L, call->duplex);
}

/* write(conn, text, from): the position behind what was written; or nil, message, code. */
static int core_write(lua_State *L)
{
    struct ls_conn *conn = check_raw(L);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    size_t from = (size_t)luaL_checkinteger(L, 3) - 1;
    if (conn->half == LS_HALF_READER)
        return luaL_error(L, "conn:write in the process that reads (conn:duplex)");
    if (conn->half == LS_HALF_WRITER)
        listen_to_reader(L, conn);
    while (from < len) {
        long sent = ls_wire_send(&conn->wire, (struct ls_slice) { text + from, len - from });
        if (sent == -EAGAIN)
            break;
        if (sent < 0)
            return conn->e && !conn->shut ? ls_conn_gone(L, conn) : ls_conn_failed(L, (int)sent);
        from += (size_t)sent;
    }
    if (conn->e)
        ls_live_progress(conn->e);
    lua_pushinteger(L, (lua_Integer)from + 1);
    return 1;
}

int ls_conn_flush(struct ls_conn *conn)
{
    while (conn->sent < conn->out.len) {
        struct ls_slice rest = { conn->out.at + conn->sent, conn->out.len - conn->sent };
        long sent = ls_wire_send(&conn->wire, rest);
        if (sent == -EAGAIN)
            return 0;
        if (sent < 0)
            return (int)sent;
        conn->sent += (size_t)sent;
    }
    conn->sent = 0;
    ls_buffer_clear(&conn->out);
    ls_buffer_slim(&conn->out, OUT_KEPT);
    return 1;
}

/* ---- the rest ---- */

static int conn_fd(lua_State *L)
{
    const struct ls_conn *conn = ls_conn_check(L, 1);
    if (conn->wire.fd < 0)
        return 0;
    lua_pushinteger(L, conn->wire.fd);
    return 1;
}

static int conn_peer(lua_State *L)
{
    const struct ls_conn *conn = ls_conn_check(L, 1);
    lua_pushstring(L, conn->peer.ip);
    lua_pushinteger(L, conn->peer.port);
    return 2;
}

static int result(lua_State *L, int err)
{
    if (err < 0)
        return ls_conn_failed(L, err);
    lua_pushboolean(L, 1);
    return 1;
}

/* shutdown(how): true; or nil, message, code. */
static int conn_shutdown(lua_State *L)
{
    static const char *const names[] = { "read", "write", "both", NULL };
    struct ls_conn *conn = check_raw(L);
    int how = luaL_checkoption(L, 2, "both", names); /* SHUT_RD, SHUT_WR, SHUT_RDWR */
    int err = conn->wire.fd < 0 ? -ENOTCONN : ls_sys_shutdown(conn->wire.fd, how);
    conn->shut |= err == 0 && how != SHUT_RD;
    return result(L, err);
}

/* A second descriptor of the same connection, with no bytes read ahead. */
static int conn_dup(lua_State *L)
{
    struct ls_conn *conn = check_raw(L);
    struct ls_conn *twin = ls_conn_push(L);
    int fd = conn->wire.fd < 0 ? -EBADF : ls_sys_dup(conn->wire.fd);
    if (fd < 0)
        return result(L, fd);
    ls_sys_fcntl(fd, F_SETFD, FD_CLOEXEC); /* programs that handlers start do not get it */
    ls_conn_own(L, twin, fd);
    twin->peer = conn->peer;
    return 1;
}

/* The client's own descriptor is the driver's to close: until then, the client sees the end of input. */
static int conn_close(lua_State *L)
{
    struct ls_conn *conn = check_raw(L);
    if (!conn->wire.owned && conn->wire.fd >= 0 && conn->half != LS_HALF_READER)
        ls_sys_shutdown(conn->wire.fd, SHUT_WR);
    ls_wire_close(&conn->wire);
    return 0;
}

static int conn_collect(lua_State *L)
{
    struct ls_conn *conn = luaL_checkudata(L, 1, LS_CONN);
    ls_wire_close(&conn->wire);
    unlink_conn(conn);
    return 0;
}

static int conn_tostring(lua_State *L)
{
    const struct ls_conn *conn = luaL_checkudata(L, 1, LS_CONN);
    lua_pushfstring(L, "connection (%s:%d)", conn->peer.ip, (int)conn->peer.port);
    return 1;
}

static const char methods_key = 0;

void ls_conn_methods(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &methods_key);
}

void ls_conn_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        { "fd", conn_fd },   { "peer", conn_peer },   { "shutdown", conn_shutdown },
        { "dup", conn_dup }, { "close", conn_close }, { NULL, NULL }
    };
    static const luaL_Reg meta[] = { { "__gc", conn_collect },
                                     { "__close", conn_collect },
                                     { "__tostring", conn_tostring },
                                     { NULL, NULL } };
    luaL_newmetatable(L, LS_CONN);
    luaL_setfuncs(L, meta, 0);
    luaL_newlib(L, methods);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &methods_key);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void ls_conn_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "try", core_try },
                                          { "write", core_write },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}
