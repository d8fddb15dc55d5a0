/* Running a handler: a coroutine for each request, its result made an answer, its error made a
 * 500 (503 when memory or time ran out) with the traceback in the log. */
#ifndef LS_LUA_HANDLER_H
#define LS_LUA_HANDLER_H

#include "exchange/events.h"
#include "lua/state.h"

struct ls_conn;
struct ls_duplex;
struct ls_view;

struct ls_problem {
    int status;               /* 0: there was none */
    struct ls_buffer message; /* what may be shown; empty: nothing */
    struct ls_buffer detail;  /* all that is known, the traceback too; the same */
};

struct ls_call { /* e->handler: what one connection's handlers run in, kept from one to the next */
    lua_State *thread;
    int thread_ref;
    int handler;             /* its number */
    bool waits;              /* left in ls_wait, and not by a yield of the user's own */
    bool next;               /* it returned app.next */
    bool returned;           /* it is over, and its result is being made an answer */
    bool session;            /* req.session was looked at */
    bool enough;             /* see ls_call_enough */
    struct ls_events events; /* that it waits for */
    uint64_t beat, beat_at;  /* µs: of the heartbeat of an endless response; 0: it has none */
    uint64_t
        left_at; /* µs: since when a raw client has nothing more to say; 0: it has, or is read */
    struct ls_conn *conn;            /* to the client; NULL: the handler has none */
    struct ls_duplex *duplex;        /* whose writer the handler is; NULL: it is none */
    struct ls_problem problem;       /* what an error handler was called for */
    struct ls_view *request, *reply; /* what its handlers hold of it, from the first to the last */
};

/* Does a registry value with the key &call->handler name who gave the last result? Else the handler did. */
bool ls_call_has_culprit(const struct ls_lua *lua, const struct ls_call *call);

/* Raises: the handler is to end, and what it has written is its answer, whole. */
int ls_call_enough(lua_State *L, const char *why);

/* Closes what the handler left open, which may run code of its own, and be interrupted in it. */
void ls_call_unwind(struct ls_call *call);

/* What the engine calls. */
void ls_lua_handlers(struct ls_lua *lua, struct ls_handlers *handlers);

/* The handler that is resumed next has waited beyond its wall time, and is interrupted. */
void ls_lua_time_out(struct ls_lua *lua);

/* Before the first connection, and before the fork: answers a request that there is none of, so that
 * what a first one makes and touches is made, and lies together. */
void ls_lua_warm(struct ls_lua *lua, struct ls_engine *e);

/* Frees what ls_engine.handler holds, when the connection is over. */
void ls_lua_end_connection(struct ls_lua *lua, struct ls_engine *e);

#endif
