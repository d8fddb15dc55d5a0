/* A WebSocket over its connection: what comes, what is to be sent, and whether the client is still there. As with
 * connections (conn.h), nothing here waits. */
#ifndef LS_LUA_SOCKET_H
#define LS_LUA_SOCKET_H

#include "http/websocket.h"
#include "lua/conn.h"

struct ls_pong {
    bool owed;
    uint8_t len;
    char payload[LS_WS_CONTROL];
};

struct ls_socket {
    struct ls_conn conn; /* first: what goes for connections goes for this */
    struct ls_ws_reader reader;
    struct ls_buffer message;
    uint64_t heard, patience; /* µs: when something came last, and how long nothing may */
    uint64_t pinged_at;       /* µs: since then nothing has come; 0: it was not asked */
    uint64_t close_by;        /* µs: until when its own close is waited for */
    struct ls_pong pong;      /* for the last ping: earlier ones may go without (5.5.3) */
    bool said_close, over;    /* over: nothing more is read */
    bool deaf;                /* the same in the writer of a duplex: its reader has ended */
    uint16_t code;            /* why it is over: of the close frame that came, or that went */
    struct ls_buffer reason;
};

/* Into what is to be written; the connection itself is not asked. Nothing more goes behind a close. */
void ls_socket_put(struct ls_socket *s, enum ls_ws_opcode opcode, struct ls_slice payload);
void ls_socket_put_close(struct ls_socket *s, uint16_t code, struct ls_slice reason);
void ls_socket_fail(struct ls_socket *s, uint16_t code, const char *reason); /* and it is over */

/* As ls_conn_flush. */
int ls_socket_flush(struct ls_socket *s);

/* Reads on. True: a message is whole, in s->message. False: there is nothing yet, or it is over. */
bool ls_socket_advance(lua_State *L, struct ls_socket *s, struct ls_ws_event *event);

/* What the reader of a duplex wants to be sent: see struct ls_conn. */
void ls_socket_relayed(struct ls_conn *conn, int opcode, struct ls_slice payload);

#endif
