#include "lua/sockets.h"

#include <string.h>

#include "base/clock.h"
#include "exchange/answer.h"
#include "exchange/live.h"
#include "http/chars.h"
#include "lua/duplex.h"
#include "lua/handler.h"
#include "lua/reply.h"
#include "lua/socket.h"
#include "lua/wait.h"
#include "os/sys.h"

enum {
    KEPT = 4 << 10,   /* bytes of memory that an empty message keeps */
    CLOSING = 2000000 /* µs for the client to say that it closes too */
};

static struct ls_socket *check(lua_State *L)
{
    struct ls_socket *s = luaL_checkudata(L, 1, LS_SOCKET);
    ls_conn_check_owner(L, &s->conn);
    return s;
}

static int give_message(lua_State *L, struct ls_socket *s, const struct ls_ws_event *event)
{
    if (s->message.failed)
        return luaL_error(L, "not enough memory");
    lua_pushboolean(L, 1);
    lua_pushlstring(L, s->message.at ? s->message.at : "", s->message.len);
    lua_pushstring(L, event->opcode == LS_WS_TEXT ? "text" : "binary");
    ls_buffer_clear(&s->message);
    ls_buffer_slim(&s->message, KEPT);
    return 3;
}

static int give_end(lua_State *L, struct ls_socket *s)
{
    lua_pushboolean(L, 1);
    lua_pushnil(L);
    lua_pushlstring(L, s->reason.at ? s->reason.at : "", s->reason.len);
    lua_pushinteger(L, s->code);
    return 4;
}

/* ws_try(ws): true, message, "text" or "binary"; true, nil, reason, code at the end; false: there is
 * nothing yet. */
static int core_ws_try(lua_State *L)
{
    struct ls_socket *s = check(L);
    struct ls_ws_event event;
    if (s->conn.half == LS_HALF_WRITER)
        return luaL_error(L, "ws:receive in the process that writes (ws:duplex)");
    if (ls_socket_advance(L, s, &event))
        return give_message(L, s, &event);
    if (s->over)
        return give_end(L, s);
    lua_pushboolean(L, 0);
    return 1;
}

/* ws_ends(ws): has the client said its last, as far as anybody listens? Messages are passed over. */
static int core_ws_ends(lua_State *L)
{
    struct ls_socket *s = check(L);
    struct ls_ws_event event;
    if (s->conn.half == LS_HALF_WRITER)
        return lua_pushboolean(L, ls_socket_flush(s) < 0 || s->deaf), 1;
    while (ls_socket_advance(L, s, &event))
        ls_buffer_clear(&s->message);
    lua_pushboolean(L, s->over);
    return 1;
}

/* ---- what goes ---- */

static int flushed(lua_State *L, struct ls_socket *s)
{
    if (s->conn.out.failed)
        return luaL_error(L, "not enough memory");
    int all = ls_socket_flush(s);
    if (all < 0)
        return ls_conn_gone(L, &s->conn);
    if (s->conn.e)
        ls_live_progress(s->conn.e);
    lua_pushboolean(L, all);
    return 1;
}

/* False: we have said the close. */
static bool may_send(lua_State *L, struct ls_socket *s)
{
    const struct ls_call *call = ls_lua_of(L)->current->handler;
    if (s->conn.half == LS_HALF_READER)
        luaL_error(L, "ws:send in the process that reads (ws:duplex)");
    if (call->duplex && call->conn == &s->conn)
        ls_duplex_listen(L, call->duplex); /* a pong is not to wait for a writer that never does */
    if (s->over)
        ls_conn_gone(L, &s->conn);
    return !s->said_close;
}

/* ws_send(ws, "text" or "binary", text): true: it is written; false: wait for it; nil: we have closed. */
static int core_ws_send(lua_State *L)
{
    static const char *const kinds[] = { "text", "binary", NULL };
    struct ls_socket *s = check(L);
    int kind = luaL_checkoption(L, 2, "text", kinds);
    size_t len;
    const char *text = luaL_checklstring(L, 3, &len);
    struct ls_slice payload = { text, len };
    if (!may_send(L, s))
        return lua_pushnil(L), 1;
    if (kind == 0 && !ls_chars_utf8(payload))
        return luaL_error(L, "text that is not UTF-8 (bytes go as \"binary\")");
    ls_socket_put(s, kind == 0 ? LS_WS_TEXT : LS_WS_BINARY, payload);
    return flushed(L, s);
}

/* ws_ping(ws, text): the same. */
static int core_ws_ping(lua_State *L)
{
    struct ls_socket *s = check(L);
    size_t len;
    const char *text = luaL_optlstring(L, 2, "", &len);
    luaL_argcheck(L, len <= LS_WS_CONTROL, 2, "at most 125 bytes");
    if (!may_send(L, s))
        return lua_pushnil(L), 1;
    ls_socket_put(s, LS_WS_PING, (struct ls_slice) { text, len });
    return flushed(L, s);
}

/* ws_close(ws, code, reason): says so, unless that was done. In µs, until when the client's own is waited for. */
static int core_ws_close(lua_State *L)
{
    struct ls_socket *s = check(L);
    lua_Integer code = luaL_optinteger(L, 2, LS_WS_NORMAL);
    size_t len;
    const char *reason = luaL_optlstring(L, 3, "", &len);
    luaL_argcheck(L, code >= 1000 && code <= 4999 && ls_ws_code_is_sound((uint16_t)code), 2,
                  "a code that may be sent, such as 1000, or 3000 to 4999");
    luaL_argcheck(L, len <= LS_WS_CONTROL - 2, 3, "at most 123 bytes");
    luaL_argcheck(L, ls_chars_utf8((struct ls_slice) { reason, len }), 3, "UTF-8");
    ls_socket_put_close(s, (uint16_t)code, (struct ls_slice) { reason, len });
    ls_conn_flush(&s->conn); /* if it has gone: so much the better */
    if (s->close_by == 0)
        s->close_by = ls_clock_us() + CLOSING;
    lua_pushinteger(L, (lua_Integer)s->close_by);
    return 1;
}

/* ws_leave(ws): what the client still sends is of no interest (RFC 6455 7.1.1): neither here nor to the other process of a
 * duplex, which would go on reading. */
static int core_ws_leave(lua_State *L)
{
    struct ls_socket *s = check(L);
    if (!s->over && s->conn.wire.fd >= 0)
        ls_sys_shutdown(s->conn.wire.fd, SHUT_RDWR);
    return 0;
}

/* ws_flush(ws): true: all is written. */
static int core_ws_flush(lua_State *L)
{
    return flushed(L, check(L));
}

/* ---- the beginning ---- */

/* ws_accept(key): the value of Sec-WebSocket-Accept; nil: the key is none. */
static int core_ws_accept(lua_State *L)
{
    size_t len;
    const char *key = luaL_checklstring(L, 1, &len);
    char accept[LS_WS_ACCEPT];
    if (!ls_ws_key_is_sound((struct ls_slice) { key, len }))
        return 0;
    ls_ws_accept((struct ls_slice) { key, len }, accept);
    lua_pushlstring(L, accept, sizeof accept);
    return 1;
}

static int make(lua_State *L, struct ls_engine *e)
{
    struct ls_call *call = e->handler;
    ls_lua_stay(ls_lua_of(L));
    struct ls_socket *s = lua_newuserdatauv(L, sizeof *s, 0);
    memset(s, 0, sizeof *s);
    ls_wire_init(&s->conn.wire, e->driver->socket(e->driver, e), false);
    luaL_setmetatable(L, LS_SOCKET);
    ls_ws_reader_init(&s->reader, (uint64_t)lua_tointeger(L, 2));
    s->conn.e = e;
    s->conn.peer = e->peer;
    s->conn.relayed = ls_socket_relayed;
    s->patience = e->limits.live_timeout;
    s->heard = ls_clock_us();
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, s); /* until ls_conn_forget */
    call->conn = &s->conn;
    if (ls_live_upgrade(e, &s->conn.wire.in) < 0)
        return luaL_error(L, "not enough memory");
    return 1;
}

static int switched(lua_State *L, int status, lua_KContext ctx)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    (void)status;
    ls_wait_check(L);
    if (!ls_output_pending(&e->out)) {
        ls_engine_enter_handler(e);
        ls_wait_check(L);
        return make(L, e);
    }
    ls_engine_set_need(e, LS_NEED_OUTPUT, LS_PHASE_SEND, 0);
    return ls_wait(L, ctx, switched);
}

/* ws_begin(res, most): sends 101 with the fields of res; the WebSocket, whose messages have at most so many
 * bytes. */
static int core_ws_begin(lua_State *L)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    luaL_checkinteger(L, 2);
    ls_reply_apply_headers(L, e->handler);
    if (ls_answer_switch(e, "websocket") < 0)
        return luaL_error(L, "not enough memory");
    return switched(L, LUA_OK, 0);
}

/* ---- the type ---- */

static void free_socket(struct ls_socket *s)
{
    ls_wire_close(&s->conn.wire);
    ls_buffer_free(&s->conn.out);
    ls_buffer_free(&s->message);
    ls_buffer_free(&s->reason);
}

static int socket_collect(lua_State *L)
{
    free_socket(luaL_checkudata(L, 1, LS_SOCKET));
    return 0;
}

/* Of a handler that has failed, without a value too (one that has not has said the close): the client is told, as far as that goes at once. */
static int socket_close(lua_State *L)
{
    struct ls_socket *s = check(L);
    if (s->said_close || s->over || s->conn.wire.fd < 0)
        return 0;
    ls_socket_fail(s, ls_site_stops(s->conn.e->site) ? LS_WS_GOING_AWAY : LS_WS_FAILED, "");
    ls_conn_flush(&s->conn);
    return 0;
}

static const char methods_key = 0;

void ls_sockets_methods(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &methods_key);
}

void ls_sockets_open(lua_State *L)
{
    static const luaL_Reg meta[] = { { "__gc", socket_collect },
                                     { "__close", socket_close },
                                     { NULL, NULL } };
    luaL_newmetatable(L, LS_SOCKET);
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &methods_key);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void ls_sockets_core(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "ws_accept", core_ws_accept }, { "ws_begin", core_ws_begin },
        { "ws_try", core_ws_try },       { "ws_ends", core_ws_ends },
        { "ws_send", core_ws_send },     { "ws_ping", core_ws_ping },
        { "ws_close", core_ws_close },   { "ws_flush", core_ws_flush },
        { "ws_leave", core_ws_leave },   { NULL, NULL }
    };
    luaL_setfuncs(L, functions, 0);
}
