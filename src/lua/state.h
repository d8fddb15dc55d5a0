/* The Lua state of a server: made in the supervisor, with every script loaded and compiled, and
 * inherited by the workers. */
#ifndef LS_LUA_STATE_H
#define LS_LUA_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>

#include "exchange/commons.h"
#include "exchange/engine.h"

/* Why a handler is interrupted. */
enum ls_interrupt {
    LS_INTERRUPT_NONE,
    LS_INTERRUPT_WALL,
    LS_INTERRUPT_CPU,
    LS_INTERRUPT_LEFT, /* the client has left, which a duplex's reader saw, and the writer did not look */
    LS_INTERRUPT_EXIT /* os.exit, where the process is not the client's alone */
};

/* What the Lua half does when the C half asks it to. */
enum ls_provided {
    LS_PROVIDED_RECOVER,  /* (handler number | nil, req, res, status, message, detail): a result */
    LS_PROVIDED_COOKIES,  /* (res, cookies): those of a result */
    LS_PROVIDED_DEV_PAGE, /* (text, head, id, status): the page of a fault, in HTML */
    LS_PROVIDED_SEAL,     /* (req, res): before the head is made, when req.session was looked at */
    LS_PROVIDED
};

struct ls_secrets;
struct ls_natives;

struct ls_heap {
    lua_Alloc below; /* of the program whose state it is; NULL: it is our own */
    void *below_ctx;
    size_t used, limit; /* bytes; limit 0: none */
    size_t loaded;      /* bytes that the scripts took */
    size_t sweep_at;    /* bytes at which the first cycle begins */
};

struct ls_lua_options {
    const char *scripts; /* folder; NULL: none */
    const char *views;   /* folder of the templates; NULL: none */
    const char *base;    /* folder from which relative paths start; NULL: the working directory */
    struct ls_router *router;
    struct ls_mounts *mounts;
    struct ls_services *services;
    struct ls_schedules *schedules;
    const struct ls_log *log;
    const struct ls_secrets *secrets; /* lives as long as the state */
    const char *session_cookie;
    uint64_t session_max_age;     /* µs */
    const char *status, *metrics; /* paths; "" or NULL: none */
    const char *mode;             /* processes.mode */
    bool dev;
    bool alone;          /* handlers may start no programs */
    uint64_t load_until; /* µs of ls_clock_us: when loading has to be over */
    const char *version;
    const struct ls_natives *natives; /* native.h; NULL: there are none */
    const luaL_Reg
        *program; /* ls_lua_adopt: what program.lua calls, with program_ctx as its upvalue */
    void *program_ctx;
};

struct ls_lua {
    lua_State *L;    /* ours, in which nothing runs but while we say so */
    bool of_program; /* see ls_lua_adopt */
    struct ls_heap heap;
    struct ls_router *router;
    struct ls_mounts *mounts;
    struct ls_services *services;
    struct ls_schedules *schedules;
    const char *base;
    struct ls_buffer *code;          /* while it loads: see ls_app_compile */
    struct ls_lua_handler *handlers; /* routes.h: by their numbers */
    size_t handler_count;
    int unrouted; /* the number of one; -1: nobody stands before what no route answers */
    int provided[LS_PROVIDED]; /* registry references of functions; LUA_NOREF: there is none */
    const struct ls_log *log;
    const struct ls_secrets *secrets;
    const struct ls_commons *commons; /* NULL: nothing is served yet */
    uint32_t number;                  /* of this process among those that share them */
    struct ls_bell *bell;             /* by which it can be woken */
    struct ls_hub *hub;               /* its subscriptions; NULL: it has had none */
    struct ls_conn *conns;            /* that handlers have made */
    bool dev, alone;
    bool loaded;                         /* routes can no longer be added */
    bool serving;                        /* in a worker: os.exit ends it */
    struct ls_engine *current;           /* whose handler runs; NULL: none */
    uint64_t waits;                      /* of all handlers, with the one that may follow: from 1 */
    lua_State *volatile running;         /* the coroutine that an interrupt has to reach */
    volatile sig_atomic_t interrupted;   /* enum ls_interrupt */
    uint64_t load_until;                 /* see struct ls_lua_options; 0: all is loaded */
    void (*quit)(void *ctx, int status); /* os.exit in a handler; does not return. NULL: only the
                                            handler ends */
    void *quit_ctx;
    int exit_status; /* of that os.exit */
    struct {
        int mode, pause;
    } collector;  /* as it was in a program's state; mode 0: it still is */
    void *random; /* the state of math.random */
};

/* 0; -EINVAL when a script fails: `why` says where and how; -ENOMEM, or -errno of the folder.
 * NULL in *lua after a failure. */
int ls_lua_new(struct ls_lua **lua, const struct ls_lua_options *options, struct ls_buffer *why);

/* Puts the module into the state of a program, whose functions become the handlers; ls_lua_load does the rest,
 * which is what the scripts have to say and needs the configuration. Of the options it wants what ls_app_open
 * does, and what routes go to. The same errors, but *lua is then to be freed; raises when memory is short. Its end
 * (ls_lua_free) may come before that of the state: functions that are called later, by finalizers, find that
 * nothing is served any more. For them it is left to the end of the process. */
int ls_lua_adopt(struct ls_lua **lua, lua_State *program, const struct ls_lua_options *options,
                 struct ls_buffer *why);
int ls_lua_load(struct ls_lua *lua, const struct ls_lua_options *options, struct ls_buffer *why);

void ls_lua_free(struct ls_lua **lua);

/* Collects all garbage, and lets the next cycle begin only when the heap has grown several times, or
 * by half of `memory`, which a worker may add: a cycle writes marks all over the pages that workers
 * share. Before the first fork. */
void ls_lua_settle(struct ls_lua *lua, uint64_t memory);

/* The handler that runs has a connection that stays: garbage is to be collected before there is much of it. */
void ls_lua_stay(struct ls_lua *lua);

/* In a worker: new random numbers; what the heap has now is what the scripts took. `quit`: see struct
 * ls_lua. */
void ls_lua_serve(struct ls_lua *lua, void (*quit)(void *ctx, int status), void *ctx);

/* The same: what it shares with others, its number there, and its bell. */
void ls_lua_join(struct ls_lua *lua, const struct ls_commons *commons, uint32_t number,
                 struct ls_bell *bell);

void ls_lua_listen(struct ls_lua *lua); /* it was rung: handlers that wait for messages are told */

/* From now on the heap may hold `memory` bytes beside what the scripts took. Collects first when it
 * holds half of that. */
void ls_lua_allow(struct ls_lua *lua, uint64_t memory);

/* Pushes what the Lua half provides. False: it provides nothing, and nothing is pushed. */
bool ls_lua_provided(lua_State *L, enum ls_provided what);

/* True in the module (src/module.c), false in all else (states.c): are states programs'? Coroutines of a program may
 * be older than what is known of its state, and then their extra space holds anything. */
extern const bool ls_states_are_programs;
struct ls_lua *ls_lua_of_program(lua_State *L);

static inline struct ls_lua *ls_lua_of(lua_State *L)
{
    return ls_states_are_programs ? ls_lua_of_program(L) : *(struct ls_lua **)lua_getextraspace(L);
}

/* Whose handler runs; raises where none does: while scripts load. */
static inline struct ls_engine *ls_lua_current(lua_State *L)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    if (!e)
        luaL_error(L, "this is only for handlers and schedules");
    return e;
}

#endif
