#include "lua/socket.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "lua/duplex.h"

enum {
    PING_AFTER = 30000000, /* µs of silence, or half of what is allowed */
    PONGS_MOST = 4 << 10   /* bytes of output that waits: before more pongs are put behind it */
};

/* ---- sending ---- */

/* Into what is to be written; the connection itself is not asked. What is written by now goes first, or a
 * client that never reads quite all would have it grow for ever. */
void ls_socket_put(struct ls_socket *s, enum ls_ws_opcode opcode, struct ls_slice payload)
{
    char head[LS_WS_HEAD];
    if (s->conn.half == LS_HALF_READER) { /* only the writer writes */
        ls_duplex_relay(&s->conn, (int)opcode, payload);
        return;
    }
    size_t len = ls_ws_frame_head(opcode, true, payload.len, head);
    ls_buffer_drop(&s->conn.out, s->conn.sent);
    s->conn.sent = 0;
    ls_buffer_append(&s->conn.out, head, len);
    ls_buffer_slice(&s->conn.out, payload);
}

void ls_socket_put_close(struct ls_socket *s, uint16_t code, struct ls_slice reason)
{
    char payload[LS_WS_CONTROL] = { (char)(code >> 8), (char)code };
    if (s->said_close)
        return;
    s->said_close = true;
    if (reason.len > sizeof payload - 2)
        reason.len = 0;
    if (reason.len > 0)
        memcpy(payload + 2, reason.at, reason.len);
    ls_socket_put(s, LS_WS_CLOSE,
                  (struct ls_slice) { payload, code == LS_WS_NO_STATUS ? 0 : reason.len + 2 });
}

static void put_pong(struct ls_socket *s)
{
    if (!s->pong.owed || s->said_close || s->conn.out.len - s->conn.sent >= PONGS_MOST)
        return;
    s->pong.owed = false;
    ls_socket_put(s, LS_WS_PONG, (struct ls_slice) { s->pong.payload, s->pong.len });
}

/* As ls_conn_flush. */
int ls_socket_flush(struct ls_socket *s)
{
    int all = ls_conn_flush(&s->conn);
    if (all <= 0 || !s->pong.owed)
        return all;
    put_pong(s);
    return ls_conn_flush(&s->conn);
}

static void end(struct ls_socket *s, uint16_t code, struct ls_slice reason)
{
    s->over = true;
    s->code = code;
    ls_buffer_clear(&s->reason);
    ls_buffer_slice(&s->reason, reason);
}

/* We end it, and say why. */
void ls_socket_fail(struct ls_socket *s, uint16_t code, const char *reason)
{
    ls_socket_put_close(s, code, ls_slice_of(reason));
    end(s, code, ls_slice_of(reason));
}

/* ---- what comes ---- */

static void take_ping(struct ls_socket *s, struct ls_slice payload)
{
    s->pong.owed = true;
    s->pong.len = (uint8_t)payload.len;
    memcpy(s->pong.payload, payload.at, payload.len);
    if (s->conn.out.len - s->conn.sent >= PONGS_MOST)
        ls_conn_flush(&s->conn); /* how that went is asked later */
    put_pong(s);
}

/* What the reader of a duplex wants to be sent; once it has said the close, nothing else may go. */
void ls_socket_relayed(struct ls_conn *conn, int opcode, struct ls_slice payload)
{
    struct ls_socket *s = (struct ls_socket *)conn;
    if (opcode == LS_RELAY_END)
        s->deaf = true;
    else if (opcode == LS_WS_PONG)
        take_ping(s, payload);
    else if (opcode != LS_RELAY_NOTHING && !s->said_close)
        ls_socket_put(s, (enum ls_ws_opcode)opcode, payload);
    s->said_close |= opcode == LS_WS_CLOSE;
    ls_socket_flush(s);
}

static void take_control(struct ls_socket *s, const struct ls_ws_event *event)
{
    switch (event->opcode) {
    case LS_WS_PING:
        take_ping(s, event->payload);
        break;
    case LS_WS_CLOSE:
        ls_socket_put_close(s, event->code, (struct ls_slice) { NULL, 0 });
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
static int read_on(struct ls_socket *s, struct ls_ws_event *event)
{
    struct ls_wire *wire = &s->conn.wire;
    while (!s->over && wire->used < wire->in.len) {
        size_t used = 0;
        int got = ls_ws_read(&s->reader, wire->in.at + wire->used, wire->in.len - wire->used, &used,
                             event);
        if (got < 0)
            ls_socket_fail(s, (uint16_t)-got, fault_of(-got));
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

/* Nothing has come for a while: is the client there? It is asked first, however long nobody has looked. */
static void look_at_clock(struct ls_socket *s)
{
    uint64_t now = ls_clock_us();
    uint64_t ping_after = s->patience / 2 < PING_AFTER ? s->patience / 2 : PING_AFTER;
    uint64_t left = s->patience - ping_after; /* to answer */
    if (s->pinged_at > 0 && now - s->pinged_at >= left) {
        ls_socket_fail(s, LS_WS_GOING_AWAY, "no sign of life");
    } else if (s->pinged_at == 0 && now - s->heard >= ping_after) {
        s->pinged_at = now;
        if (!s->said_close)
            ls_socket_put(s, LS_WS_PING, (struct ls_slice) { "", 0 });
    }
    s->conn.due = s->pinged_at > 0 ? s->pinged_at + left : s->heard + ping_after;
}

/* False: nothing has come. */
static bool take_in(lua_State *L, struct ls_socket *s)
{
    long got = ls_conn_fill(L, &s->conn);
    if (got > 0) {
        s->heard = ls_clock_us();
        s->pinged_at = 0;
    } else if (got == -EAGAIN) {
        look_at_clock(s);
    } else {
        end(s, LS_WS_LOST, ls_slice_of("the connection was lost"));
    }
    return got > 0;
}

/* True: a message is whole. False: there is nothing yet, or it is over. */
bool ls_socket_advance(lua_State *L, struct ls_socket *s, struct ls_ws_event *event)
{
    bool whole = false;
    while (!s->over && !whole && !ls_conn_is_anothers_turn(&s->conn)) {
        whole = read_on(s, event);
        if (!whole && (s->over || !take_in(L, s)))
            break;
    }
    if (ls_socket_flush(s) < 0 && !s->over)
        end(s, LS_WS_LOST, ls_slice_of("the connection was lost"));
    return whole;
}
