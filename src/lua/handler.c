#include "lua/handler.h"

#include <stdio_ext.h>
#include <stdlib.h>

#include "exchange/answer.h"
#include "exchange/live.h"
#include "lua/channels.h"
#include "lua/conn.h"
#include "lua/duplex.h"
#include "lua/failure.h"
#include "lua/interrupt.h"
#include "lua/request.h"
#include "lua/result.h"
#include "lua/routes.h"
#include "lua/view.h"

/* ---- inside the coroutine ---- */

static struct ls_call *call_of(lua_State *L)
{
    return ls_lua_of(L)->current->handler;
}

bool ls_call_has_culprit(const struct ls_lua *lua, const struct ls_call *call)
{
    return lua->handlers[call->handler].around != LUA_NOREF || call->problem.status > 0;
}

/* Whoever gave the result is named when it cannot be sent: the handler, or what was called around it
 * and says so by a second value. */
static void note_culprit(lua_State *L, struct ls_call *call, int index)
{
    if (!ls_call_has_culprit(ls_lua_of(L), call))
        return;
    if (index <= lua_gettop(L))
        lua_pushvalue(L, index);
    else
        lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &call->handler);
}

static int take_result(lua_State *L, int first);

static int recovered(lua_State *L, int status, lua_KContext first)
{
    (void)status;
    return take_result(L, (int)first);
}

static void push_text(lua_State *L, const struct ls_buffer *text)
{
    if (text->len > 0)
        lua_pushlstring(L, text->at, text->len);
    else
        lua_pushnil(L);
}

/* Asks the error handlers for the answer to call->problem. */
static int ask_recover(lua_State *L)
{
    struct ls_call *call = call_of(L);
    const struct ls_problem *p = &call->problem;
    lua_settop(L, 0);
    call->returned = false;
    ls_lua_provided(L, LS_PROVIDED_RECOVER);
    lua_pushinteger(L, call->handler);
    ls_request_push(L, ls_lua_of(L)->current);
    call->reply->status = p->status;
    call->reply->used = true; /* without another answer its page is sent */
    lua_pushinteger(L, p->status);
    push_text(L, &p->message);
    push_text(L, &p->detail);
    lua_callk(L, 6, LUA_MULTRET, 1, recovered);
    return take_result(L, 1);
}

static int take_result(lua_State *L, int first)
{
    struct ls_lua *lua = ls_lua_of(L);
    struct ls_call *call = call_of(L);
    call->returned = true;
    note_culprit(L, call, first + 1);
    int result = ls_result_answer(L, lua->current, first);
    call->next = result == LS_RESULT_NEXT;
    if (call->next)
        call->reply->used = false;
    if (result <= 0)
        return 0;
    ls_response_reset(&lua->current->response);
    call->problem.status = result;
    return ask_recover(L);
}

static int handler_returned(lua_State *L, int status, lua_KContext first)
{
    (void)status;
    return take_result(L, (int)first);
}

static int raw_returned(lua_State *L, int status, lua_KContext ctx)
{
    struct ls_engine *e = ls_lua_of(L)->current;
    (void)status, (void)ctx;
    ls_live_end(e, call_of(L)->conn->wire.eof);
    return 0;
}

static int run_raw(lua_State *L, const struct ls_lua_handler *handler)
{
    ls_lua_stay(ls_lua_of(L));
    lua_rawgeti(L, LUA_REGISTRYINDEX, handler->function);
    ls_conn_push_client(L, ls_lua_of(L)->current);
    lua_callk(L, 1, 0, 0, raw_returned);
    return raw_returned(L, LUA_OK, 0);
}

static int schedule_returned(lua_State *L, int status, lua_KContext ctx)
{
    (void)status, (void)ctx;
    ls_live_end(ls_lua_of(L)->current, true);
    return 0;
}

static int run_schedule(lua_State *L, const struct ls_lua_handler *handler)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, handler->function);
    lua_callk(L, 0, 0, 0, schedule_returned);
    return schedule_returned(L, LUA_OK, 0);
}

/* The coroutine's body. */
static int run_handler(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    const struct ls_lua_handler *handler = &lua->handlers[call_of(L)->handler];
    if (lua->current->live == LS_LIVE_RAW)
        return run_raw(L, handler);
    if (lua->current->live == LS_LIVE_SCHEDULE)
        return run_schedule(L, handler);
    bool around = handler->around != LUA_NOREF;
    if (around)
        lua_rawgeti(L, LUA_REGISTRYINDEX, handler->around);
    lua_rawgeti(L, LUA_REGISTRYINDEX, handler->function);
    ls_request_push(L, lua->current);
    lua_callk(L, around ? 3 : 2, LUA_MULTRET, 1, handler_returned);
    return handler_returned(L, LUA_OK, 1);
}

/* The same, when the handler has raised: what it had said of its response is forgotten. */
static int run_recover(lua_State *L)
{
    ls_request_forget(L, call_of(L));
    return ask_recover(L);
}

int ls_call_enough(lua_State *L, const char *why)
{
    call_of(L)->enough = true;
    return luaL_error(L, "%s", why);
}

/* ---- from outside ---- */

void ls_call_unwind(struct ls_call *call)
{
    lua_resetthread(call->thread);
    lua_settop(call->thread, 0);
}

/* A coroutine that a hook has ended calls no hook any more (Lua 5.4's allowhook stays as it was). */
static void leave_thread(struct ls_lua *lua, struct ls_call *call)
{
    luaL_unref(lua->L, LUA_REGISTRYINDEX, call->thread_ref);
    call->thread = NULL;
}

static void over(struct ls_lua *lua, struct ls_engine *e)
{
    struct ls_call *call = e->handler;
    if (!call->next)
        ls_request_end(call);
    ls_buffer_free(&call->problem.message);
    ls_buffer_free(&call->problem.detail);
    ls_duplex_end(call, e);
    ls_conn_forget(call);
    ls_channels_forget(lua, e);
    call->beat = call->beat_at = call->left_at = 0;
    if (ls_interrupt_over(lua, call->thread))
        leave_thread(lua, call);
    lua->current = NULL;
    if (__fpending(stdout) > 0)
        fflush(stdout);
}

/* True: the error handlers are put in the place of the handler that has failed. */
static bool recovers(struct ls_lua *lua, struct ls_engine *e, int status)
{
    struct ls_call *call = e->handler;
    if (!ls_failure_answer(lua, e, status))
        return false;
    lua_pushcfunction(call->thread, run_recover);
    return true;
}

/* Lets the coroutine run until it is done, fails or waits. */
static enum ls_ran go_on(struct ls_lua *lua, struct ls_engine *e, int given)
{
    struct ls_call *call = e->handler;
    int left = 0;
    lua->current = e;
    call->waits = false;
    ls_interrupt_enter(lua, call->thread);
    int status;
    do {
        status = lua_resume(call->thread, lua->L, given, &left);
        given = 0;
        if (status == LUA_YIELD && call->waits) {
            ls_interrupt_over(lua, call->thread); /* one that came too late; its deadline stands */
            lua->current = NULL;
            return LS_RAN_WAIT;
        }
    } while (status != LUA_OK && recovers(lua, e, status));
    over(lua, e);
    return call->next ? LS_RAN_NEXT : LS_RAN_DONE;
}

static int new_thread(lua_State *L)
{
    struct ls_call *call = lua_touserdata(L, 1);
    call->thread = lua_newthread(L);
    call->thread_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* The connection's call, with a coroutine. NULL: memory is short. */
static struct ls_call *call_for(struct ls_lua *lua, struct ls_engine *e)
{
    struct ls_call *call = e->handler;
    if (!call)
        call = e->handler = calloc(1, sizeof *call);
    if (!call || call->thread)
        return call;
    lua_pushcfunction(lua->L, new_thread);
    lua_pushlightuserdata(lua->L, call);
    if (lua_pcall(lua->L, 1, 0, 0) == LUA_OK)
        return call;
    lua_pop(lua->L, 1);
    call->thread = NULL; /* made, perhaps, but nobody holds it */
    return NULL;
}

static enum ls_ran start(void *ctx, struct ls_engine *e, int handler)
{
    struct ls_lua *lua = ctx;
    struct ls_call *call = call_for(lua, e);
    if (!call) {
        ls_answer_refuse(e, 503);
        return LS_RAN_DONE;
    }
    call->handler = handler;
    call->next = call->returned = call->enough = false;
    call->problem.status = 0;
    ls_response_reset(&e->response);
    ls_lua_allow(lua, e->limits.memory);
    lua_pushcfunction(call->thread, run_handler);
    return go_on(lua, e, 0);
}

static enum ls_ran resume(void *ctx, struct ls_engine *e)
{
    return go_on(ctx, e, 0);
}

void ls_lua_time_out(struct ls_lua *lua)
{
    lua->interrupted = LS_INTERRUPT_WALL;
}

static void drop(void *ctx, struct ls_engine *e)
{
    struct ls_lua *lua = ctx;
    struct ls_call *call = e->handler;
    lua->current = e;
    ls_interrupt_enter(lua, call->thread);
    ls_call_unwind(call);
    over(lua, e);
}

static void done(void *ctx, struct ls_engine *e)
{
    (void)ctx;
    if (e->handler)
        ls_request_end(e->handler);
}

void ls_lua_handlers(struct ls_lua *lua, struct ls_handlers *handlers)
{
    *handlers =
        (struct ls_handlers) { start, resume, drop, done, lua, lua->unrouted >= 0, lua->unrouted };
}

static int say_nothing(lua_State *L)
{
    lua_pushliteral(L, "");
    return 1;
}

void ls_lua_warm(struct ls_lua *lua, struct ls_engine *e)
{
    lua_pushcfunction(lua->L, say_nothing);
    struct ls_lua_handler handler = { luaL_ref(lua->L, LUA_REGISTRYINDEX), LUA_NOREF };
    struct ls_lua_handler *handlers = lua->handlers;
    lua->handlers = &handler;
    start(lua, e, 0);
    lua->handlers = handlers;
    luaL_unref(lua->L, LUA_REGISTRYINDEX, handler.function);
}

void ls_lua_end_connection(struct ls_lua *lua, struct ls_engine *e)
{
    struct ls_call *call = e->handler;
    if (!call)
        return;
    ls_request_end(call);
    if (call->thread)
        leave_thread(lua, call);
    const void *keys[] = { call, &call->handler, &call->reply };
    for (int i = 0; i < 3; i++) {
        lua_pushnil(lua->L);
        lua_rawsetp(lua->L, LUA_REGISTRYINDEX, keys[i]); /* it is there, or nil is no new one */
    }
    free(call);
    e->handler = NULL;
}
