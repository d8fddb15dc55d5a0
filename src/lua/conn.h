/* A connection in the hands of a handler: the client's own, of app:tcp, or one that it has made itself. What
 * is here never waits; the methods of live.lua do, with core.wait between two tries. */
#ifndef LS_LUA_CONN_H
#define LS_LUA_CONN_H

#include "exchange/wire.h"
#include "lua/state.h"

struct ls_call;

#define LS_CONN "luaserve connection"

/* What a writer may be told instead of an opcode. */
enum {
    LS_RELAY_END = 0,
    LS_RELAY_NOTHING = -1
}; /* the reader has ended; look what is to be written */

enum ls_half { LS_HALF_NONE, LS_HALF_READER, LS_HALF_WRITER }; /* of a duplex, by process */

struct ls_conn {
    struct ls_wire wire;
    struct ls_engine *e;  /* of whose client it is; NULL: it is no client's */
    struct ls_buffer out; /* to be written, but for the first `sent` bytes: of WebSockets alone */
    size_t sent;
    bool shut; /* for writing, by ourselves: that it fails does not mean that the client has gone */
    uint64_t due;     /* µs: when it wants to be looked at, even if nothing happens; 0: never */
    uint64_t emptied; /* what lua->waits was when a read left nothing in the kernel; 0: not yet */
    uint32_t passed;  /* tries since then that did not ask the kernel */
    size_t turn;      /* bytes that were read since it was somebody else's turn */
    struct ls_peer peer;
    enum ls_half half;
    int relay; /* LS_HALF_READER: by which the writer hears of it */
    /* LS_HALF_WRITER: a control frame that the reader wants to be sent, or LS_RELAY_…. NULL: no frames here. */
    void (*relayed)(struct ls_conn *conn, int opcode, struct ls_slice payload);
    const struct ls_engine *maker;  /* whose handler has made it, where it is no client's */
    struct ls_conn *next, **before; /* of all that were made */
};

/* Pushes a new connection, which is closed already; opens it, with a socket that is its own from then on. */
struct ls_conn *ls_conn_push(lua_State *L);
void ls_conn_own(lua_State *L, struct ls_conn *conn, int fd);

/* The one at `index`, WebSockets too; raises when it is none. */
struct ls_conn *ls_conn_check(lua_State *L, int index);
struct ls_conn *ls_conn_test(lua_State *L, int index); /* NULL: it is none */

/* Raises when it is another client's, whose handler may be in the middle of using it. */
void ls_conn_check_owner(lua_State *L, const struct ls_conn *conn);

/* Pushes the client's own, for call->conn. */
void ls_conn_push_client(lua_State *L, struct ls_engine *e);

/* The call is over: what Lua still holds of it is closed. */
void ls_conn_forget(struct ls_call *call);

/* nil, message, code ("ECONNRESET") for a -errno. */
int ls_conn_failed(lua_State *L, int err);

/* As ls_wire_fill. But when nothing has been waited for since a read that got all there was, the kernel is
 * asked every now and then only: what has come meanwhile ends the next wait. */
long ls_conn_fill(lua_State *L, struct ls_conn *conn);

/* A client that sends without end is not to keep its process from the others. To be asked before each try: if
 * it is, then it is as if nothing had come, and time to look again. */
bool ls_conn_is_anothers_turn(struct ls_conn *conn);

/* Writes what stands in `out`. 1: all of it is written; 0: not yet; -errno. */
int ls_conn_flush(struct ls_conn *conn);

/* Raises: the client has gone, which ends its handler without a word in the log; or that handler has ended by
 * now, and this is another one. */
int ls_conn_gone(lua_State *L, struct ls_conn *conn);

void ls_conn_open(lua_State *L); /* the type; its methods are in the table of ls_conn_methods */
void ls_conn_methods(lua_State *L);
void ls_conn_core(lua_State *L); /* adds the functions for live.lua to the table on top */

/* core.resolve, core.dial, core.dialed, which stand in dial.c. */
void ls_dial_core(lua_State *L);

/* core.wait, which stands in events.c. */
void ls_events_core(lua_State *L);

/* app.sleep where the client may leave meanwhile, or a heartbeat is due. */
int ls_events_sleep(lua_State *L, uint64_t until);

#endif
