#include "lua/socket.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/answer.h"
#include "exchange/live.h"
#include "http/chars.h"
#include "http/websocket.h"
#include "lua/conn.h"
#include "lua/duplex.h"
#include "lua/handler.h"
#include "lua/reply.h"
#include "lua/wait.h"

enum {
    PING_AFTER = 30000000, /* µs of silence, or half of what is allowed */
    PONGS_MOST = 4 << 10,  /* bytes of output that waits: before more pongs are put behind it */
    TURN = 256 << 10, /* bytes that are read before it is somebody else's turn; or 32 messages */
    KEPT = 4 << 10    /* bytes of memory that an empty message keeps */
};

struct pong {
    bool owed;
    uint8_t len;
    char payload[LS_WS_CONTROL];
};

struct socket {
    struct ls_conn conn; /* first: what goes for connections goes for this */
    struct ls_ws_reader reader;
    struct ls_buffer message;
    uint64_t heard, patience; /* µs: when something came last, and how long nothing may */
    bool pinged;
    struct pong pong;      /* for the last ping: earlier ones may go without (5.5.3) */
    size_t turn;           /* what was read since it was somebody else's */
    bool said_close, over; /* over: nothing more is read */
    bool deaf;             /* the same in the writer of a duplex: its reader has ended */
    uint16_t code;         /* why it is over: of the close frame that came, or that went */
    struct ls_buffer reason;
};

static struct socket *check(lua_State *L)
{
    return luaL_checkudata(L, 1, LS_SOCKET);
}

/* ---- sending ---- */

/* Into what is to be written; the connection itself is not asked. What is written by now goes first, or a
 * client that never reads quite all would have it grow for ever. */
static void put(struct socket *s, enum ls_ws_opcode opcode, struct ls_slice payload)
{
    char head[LS_WS_HEAD];
    if (s->conn.half == LS_HALF_READER) { /* only the writer writes */
        ls_duplex_relay(&s->conn, opcode, payload);
        return;
    }
    size_t len = ls_ws_frame_head(opcode, true, payload.len, head);
    ls_buffer_drop(&s->conn.out, s->conn.sent);
    s->conn.sent = 0;
    ls_buffer_append(&s->conn.out, head, len);
    ls_buffer_slice(&s->conn.out, payload);
}

static void put_close(struct socket *s, uint16_t code, struct ls_slice reason)
{
    char payload[LS_WS_CONTROL] = { (char)(code >> 8), (char)code };
    if (s->said_close)
        return;
    s->said_close = true;
    if (reason.len > sizeof payload - 2)
        reason.len = 0;
    if (reason.len > 0)
        memcpy(payload + 2, reason.at, reason.len);
    put(s, LS_WS_CLOSE,
        (struct ls_slice) { payload, code == LS_WS_NO_STATUS ? 0 : reason.len + 2 });
}

static void put_pong(struct socket *s)
{
    if (!s->pong.owed || s->said_close || s->conn.out.len - s->conn.sent >= PONGS_MOST)
        return;
    s->pong.owed = false;
    put(s, LS_WS_PONG, (struct ls_slice) { s->pong.payload, s->pong.len });
}

/* As ls_conn_flush. */
static int flush(struct socket *s)
{
    int all = ls_conn_flush(&s->conn);
    if (all <= 0 || !s->pong.owed)
        return all;
    put_pong(s);
    return ls_conn_flush(&s->conn);
}

static void end(struct socket *s, uint16_t code, struct ls_slice reason)
{
    s->over = true;
    s->code = code;
    ls_buffer_clear(&s->reason);
    ls_buffer_slice(&s->reason, reason);
}

/* We end it, and say why. */
static void fail(struct socket *s, uint16_t code, const char *reason)
{
    put_close(s, code, ls_slice_of(reason));
    end(s, code, ls_slice_of(reason));
}

/* ---- what comes ---- */

static void take_ping(struct socket *s, struct ls_slice payload)
{
    s->pong.owed = true;
    s->pong.len = (uint8_t)payload.len;
    memcpy(s->pong.payload, payload.at, payload.len);
    if (s->conn.out.len - s->conn.sent >= PONGS_MOST)
        ls_conn_flush(&s->conn); /* how that went is asked later */
    put_pong(s);
}

/* What the reader of a duplex wants to be sent; once it has said the close, nothing else may go. */
static void relayed(struct ls_conn *conn, int opcode, struct ls_slice payload)
{
    struct socket *s = (struct socket *)conn;
    if (opcode == 0)
        s->deaf = true;
    else if (opcode == LS_WS_PONG)
        take_ping(s, payload);
    else if (!s->said_close)
        put(s, (enum ls_ws_opcode)opcode, payload);
    s->said_close |= opcode == LS_WS_CLOSE;
    flush(s);
}

static void take_control(struct socket *s, const struct ls_ws_event *event)
{
    switch (event->opcode) {
    case LS_WS_PING:
        take_ping(s, event->payload);
        break;
    case LS_WS_CLOSE:
        put_close(s, event->code, (struct ls_slice) { NULL, 0 });
        end(s, event->code, ls_slice_from(event->payload, event->payload.len < 2 ? 0 : 2));
        break;
    default:
        break;
    }
}

static const char *fault_of(int code)
{
    return code == LS_WS_NOT_UTF8  ? "text that is not UTF-8"
           : code == LS_WS_TOO_BIG ? "the message is too big"
                                   : "protocol error";
}

/* Reads on in what has come. 1: a message is whole; 0: nothing is left to be read. */
static int read_on(struct socket *s, struct ls_ws_event *event)
{
    struct ls_wire *wire = &s->conn.wire;
    while (!s->over && wire->used < wire->in.len) {
        size_t used = 0;
        int got = ls_ws_read(&s->reader, wire->in.at + wire->used, wire->in.len - wire->used, &used,
                             event);
        if (got < 0)
            fail(s, (uint16_t)-got, fault_of(-got));
        if (got > 0 && event->opcode < LS_WS_CLOSE)
            ls_buffer_slice(&s->message, event->payload);
        else if (got > 0)
            take_control(s, event);
        ls_wire_use(wire, used);
        if (got > 0 && event->opcode < LS_WS_CLOSE && event->last)
            return 1;
    }
    return 0;
}

/* Nothing has come for a while: is the client there? */
static void look_at_clock(struct socket *s)
{
    uint64_t now = ls_clock_us(), silent = now - s->heard;
    uint64_t ping_after = s->patience / 2 < PING_AFTER ? s->patience / 2 : PING_AFTER;
    if (silent >= s->patience)
        fail(s, LS_WS_GOING_AWAY, "no sign of life");
    else if (silent >= ping_after && !s->pinged) {
        s->pinged = true;
        if (!s->said_close)
            put(s, LS_WS_PING, (struct ls_slice) { "", 0 });
    }
    s->conn.due = s->heard + (s->pinged ? s->patience : ping_after);
}

static int give_message(lua_State *L, struct socket *s, const struct ls_ws_event *event)
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

static int give_end(lua_State *L, struct socket *s)
{
    lua_pushboolean(L, 1);
    lua_pushnil(L);
    lua_pushlstring(L, s->reason.at ? s->reason.at : "", s->reason.len);
    lua_pushinteger(L, s->code);
    return 4;
}

/* False: nothing has come. */
static bool take_in(lua_State *L, struct socket *s)
{
    long got = ls_conn_fill(L, &s->conn);
    if (got > 0) {
        s->heard = ls_clock_us();
        s->pinged = false;
        s->turn += (size_t)got;
    } else if (got == -EAGAIN) {
        s->turn = 0;
        look_at_clock(s);
    } else {
        end(s, LS_WS_LOST, ls_slice_of("the connection was lost"));
    }
    return got > 0;
}

/* A client that sends without end does not keep its process from the others: it is as if nothing had come,
 * and time to look again. */
static bool is_anothers_turn(struct socket *s)
{
    s->turn += TURN / 32;
    if (s->turn < TURN)
        return false;
    s->turn = 0;
    s->conn.due = 1; /* long ago */
    return true;
}

/* True: a message is whole. False: there is nothing yet, or it is over. */
static bool advance(lua_State *L, struct socket *s, struct ls_ws_event *event)
{
    bool whole = false;
    while (!s->over && !whole && !is_anothers_turn(s)) {
        whole = read_on(s, event);
        if (!whole && (s->over || !take_in(L, s)))
            break;
    }
    if (flush(s) < 0 && !s->over)
        end(s, LS_WS_LOST, ls_slice_of("the connection was lost"));
    return whole;
}

/* ws_try(ws): true, message, "text" or "binary"; true, nil, reason, code at the end; false: there is
 * nothing yet. */
static int core_ws_try(lua_State *L)
{
    struct socket *s = check(L);
    struct ls_ws_event event;
    if (s->conn.half == LS_HALF_WRITER)
        return luaL_error(L, "ws:receive in the process that writes (ws:duplex)");
    if (advance(L, s, &event))
        return give_message(L, s, &event);
    if (s->over)
        return give_end(L, s);
    lua_pushboolean(L, 0);
    return 1;
}

/* ws_ends(ws): has the client said its last, as far as anybody listens? Messages are passed over. */
static int core_ws_ends(lua_State *L)
{
    struct socket *s = check(L);
    struct ls_ws_event event;
    if (s->conn.half == LS_HALF_WRITER)
        return lua_pushboolean(L, flush(s) < 0 || s->deaf), 1;
    while (advance(L, s, &event))
        ls_buffer_clear(&s->message);
    lua_pushboolean(L, s->over);
    return 1;
}

/* ---- what goes ---- */

static int flushed(lua_State *L, struct socket *s)
{
    if (s->conn.out.failed)
        return luaL_error(L, "not enough memory");
    int all = flush(s);
    if (all < 0)
        return ls_conn_gone(L, &s->conn);
    ls_live_progress(s->conn.e);
    lua_pushboolean(L, all);
    return 1;
}

/* False: we have said the close. */
static bool may_send(lua_State *L, struct socket *s)
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
    struct socket *s = check(L);
    int kind = luaL_checkoption(L, 2, "text", kinds);
    size_t len;
    const char *text = luaL_checklstring(L, 3, &len);
    struct ls_slice payload = { text, len };
    if (!may_send(L, s))
        return lua_pushnil(L), 1;
    if (kind == 0 && !ls_chars_utf8(payload))
        return luaL_error(L, "text that is not UTF-8 (bytes go as \"binary\")");
    put(s, kind == 0 ? LS_WS_TEXT : LS_WS_BINARY, payload);
    return flushed(L, s);
}

/* ws_ping(ws, text): the same. */
static int core_ws_ping(lua_State *L)
{
    struct socket *s = check(L);
    size_t len;
    const char *text = luaL_optlstring(L, 2, "", &len);
    luaL_argcheck(L, len <= LS_WS_CONTROL, 2, "at most 125 bytes");
    if (!may_send(L, s))
        return lua_pushnil(L), 1;
    put(s, LS_WS_PING, (struct ls_slice) { text, len });
    return flushed(L, s);
}

/* ws_close(ws, code, reason): says so, unless that was done. True: it is written; false: wait for it. */
static int core_ws_close(lua_State *L)
{
    struct socket *s = check(L);
    lua_Integer code = luaL_optinteger(L, 2, LS_WS_NORMAL);
    size_t len;
    const char *reason = luaL_optlstring(L, 3, "", &len);
    luaL_argcheck(L, code >= 1000 && code <= 4999 && ls_ws_code_is_sound((uint16_t)code), 2,
                  "a code that may be sent, such as 1000, or 3000 to 4999");
    luaL_argcheck(L, len <= LS_WS_CONTROL - 2, 3, "at most 123 bytes");
    luaL_argcheck(L, ls_chars_utf8((struct ls_slice) { reason, len }), 3, "UTF-8");
    put_close(s, (uint16_t)code, (struct ls_slice) { reason, len });
    if (ls_conn_flush(&s->conn) != 0) /* if it has gone: so much the better */
        return lua_pushboolean(L, 1), 1;
    lua_pushboolean(L, 0);
    return 1;
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
    struct socket *s = lua_newuserdatauv(L, sizeof *s, 0);
    memset(s, 0, sizeof *s);
    ls_wire_init(&s->conn.wire, e->driver->socket(e->driver, e), false);
    luaL_setmetatable(L, LS_SOCKET);
    ls_ws_reader_init(&s->reader, (uint64_t)lua_tointeger(L, 2));
    s->conn.e = e;
    s->conn.peer = e->peer;
    s->conn.relayed = relayed;
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

static void free_socket(struct socket *s)
{
    ls_wire_close(&s->conn.wire);
    ls_buffer_free(&s->conn.out);
    ls_buffer_free(&s->message);
    ls_buffer_free(&s->reason);
}

static int socket_collect(lua_State *L)
{
    free_socket(check(L));
    return 0;
}

/* Of a handler that has failed: the client is told, as far as that goes at once. */
static int socket_close(lua_State *L)
{
    struct socket *s = check(L);
    if (lua_isnil(L, 2) || s->over || s->conn.wire.fd < 0)
        return 0;
    fail(s, ls_site_stops(s->conn.e->site) ? LS_WS_GOING_AWAY : LS_WS_FAILED, "");
    ls_conn_flush(&s->conn);
    return 0;
}

static const char methods_key = 0;

void ls_socket_methods(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &methods_key);
}

void ls_socket_open(lua_State *L)
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

void ls_socket_core(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "ws_accept", core_ws_accept }, { "ws_begin", core_ws_begin }, { "ws_try", core_ws_try },
        { "ws_ends", core_ws_ends },     { "ws_send", core_ws_send },   { "ws_ping", core_ws_ping },
        { "ws_close", core_ws_close },   { "ws_flush", core_ws_flush }, { NULL, NULL }
    };
    luaL_setfuncs(L, functions, 0);
}
