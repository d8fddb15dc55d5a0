#include "lua/handler.h"

#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/answer.h"
#include "lua/app.h"
#include "lua/interrupt.h"
#include "lua/request.h"
#include "lua/result.h"
#include "lua/routes.h"
#include "lua/view.h"

enum { REPORT_ROOM = 256 << 10 }; /* bytes over the budget, for the report of what went wrong */

/* ---- inside the coroutine ---- */

static struct ls_call *call_of(lua_State *L)
{
    return ls_lua_of(L)->current->handler;
}

static bool has_culprit(const struct ls_lua *lua, const struct ls_call *call)
{
    return lua->handlers[call->handler].around != LUA_NOREF || call->problem.status > 0;
}

/* Whoever gave the result is named when it cannot be sent: the handler, or what was called around it
 * and says so by a second value. */
static void note_culprit(lua_State *L, struct ls_call *call, int index)
{
    if (!has_culprit(ls_lua_of(L), call))
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

/* The coroutine's body. */
static int run_handler(lua_State *L)
{
    struct ls_lua *lua = ls_lua_of(L);
    const struct ls_lua_handler *handler = &lua->handlers[call_of(L)->handler];
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

/* ---- when it went wrong ---- */

struct failure {
    struct ls_call *call;
    struct ls_engine *e;
    int status; /* of lua_resume */
    enum ls_interrupt interrupted;
    bool memory, yielded;
    struct ls_buffer text; /* traceback, freed by the one who made the struct */
    struct ls_buffer page; /* in dev: the whole page, the same */
    int answer;            /* status of the answer */
    bool quiet;            /* app.abort: an answer, not an incident */
};

static bool is_abort(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ls_app_abort);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* The message on top, which is about what the handler returned, gets the place of the handler. */
static void describe_result(lua_State *L, const struct ls_call *call)
{
    const char *message = lua_tostring(L, -1);
    bool about = ls_slice_starts(ls_slice_of(message), LS_SLICE("returned "));
    lua_Debug at;
    if (!has_culprit(ls_lua_of(L), call) ||
        lua_rawgetp(L, LUA_REGISTRYINDEX, &call->handler) != LUA_TFUNCTION)
        lua_rawgeti(L, LUA_REGISTRYINDEX, ls_lua_of(L)->handlers[call->handler].function);
    lua_getinfo(L, ">S", &at);
    lua_pushfstring(L, "the handler at %s:%d %s%s", at.short_src, at.linedefined,
                    about ? "" : "returned what cannot be sent: ", message);
}

static enum ls_interrupt interrupted(lua_State *L)
{
    return (enum ls_interrupt)ls_lua_of(L)->interrupted;
}

/* Of what is on top of the stack. */
static void make_page(lua_State *L, struct failure *f)
{
    struct ls_engine *e = f->e;
    if (interrupted(L) || !ls_lua_provided(L, LS_PROVIDED_DEV_PAGE))
        return;
    lua_pushvalue(L, -2);
    lua_pushlstring(L, e->in.at, e->in.head);
    lua_pushstring(L, e->id);
    lua_pushinteger(L, f->memory ? 503 : 500);
    lua_call(L, 4, 1);
    ls_buffer_text(&f->page, lua_tostring(L, -1));
}

/* In a protected call on the main thread; the failed coroutine still has its stack. */
static int describe_failure(lua_State *L)
{
    struct failure *f = lua_touserdata(L, 1);
    lua_State *co = f->call->thread;
    if (f->yielded) {
        lua_pushliteral(L, "the handler yielded: coroutine.yield works only inside a coroutine "
                           "of its own");
    } else {
        lua_xmove(co, L, 1); /* the error value */
    }
    if (is_abort(L, 2)) {
        lua_getfield(L, 2, "status");
        f->answer = (int)lua_tointeger(L, -1);
        lua_getfield(L, 2, "message");
        if (lua_isstring(L, -1))
            ls_buffer_text(&f->text, lua_tostring(L, -1));
        f->quiet = true;
        return 0;
    }
    f->memory |= strstr(luaL_tolstring(L, 2, NULL), "not enough memory") != NULL;
    if (f->call->returned)
        describe_result(L, f->call);
    else
        luaL_traceback(L, co, lua_tostring(L, -1), 0);
    ls_buffer_text(&f->text, lua_tostring(L, -1));
    if (ls_lua_of(L)->dev)
        make_page(L, f);
    return 0;
}

static void describe(struct ls_lua *lua, struct failure *f)
{
    lua_State *L = lua->L;
    size_t limit = lua->heap.limit;
    if (limit > 0)
        lua->heap.limit = limit + REPORT_ROOM;
    lua_pushcfunction(L, describe_failure);
    lua_pushlightuserdata(L, f);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
    lua->heap.limit = limit;
    if (f->text.len == 0 && !f->quiet)
        ls_buffer_text(&f->text, "(the error cannot be shown)");
    ls_buffer_byte(&f->text, '\0');
}

static const char *cause_of(const struct failure *f)
{
    switch (f->interrupted) {
    case LS_INTERRUPT_WALL:
        return "over its wall time";
    case LS_INTERRUPT_CPU:
        return "over its CPU time";
    case LS_INTERRUPT_EXIT:
        return "ended";
    case LS_INTERRUPT_NONE:
    default:
        return f->memory ? "over its memory" : "failed";
    }
}

static void log_failure(struct ls_lua *lua, const struct failure *f)
{
    struct ls_engine *e = f->e;
    struct ls_slice method = ls_span_slice(e->in.at, e->head.method_token);
    struct ls_slice target = ls_span_slice(e->in.at, e->head.target);
    char code[32] = "";
    if (f->interrupted == LS_INTERRUPT_EXIT)
        snprintf(code, sizeof code, " with os.exit(%d)", lua->exit_status);
    ls_log_block(lua->log, LS_LOG_ERROR, f->text.failed ? NULL : f->text.at,
                 "%s %.*s %.*s: handler %s%s", e->id, (int)method.len, method.at, (int)target.len,
                 target.at, cause_of(f), code);
}

/* 503 where another time it might do. */
static int status_of(const struct failure *f)
{
    bool limited = f->interrupted == LS_INTERRUPT_WALL || f->interrupted == LS_INTERRUPT_CPU;
    return limited || f->memory ? 503 : 500;
}

/* False: part of an answer is out, or somebody else has given one. */
static bool can_answer(struct ls_engine *e)
{
    if (!ls_answer_begun(e) || ls_answer_retract(e))
        return true;
    ls_engine_tear(e);
    return false;
}

static bool answer_dev(struct failure *f)
{
    struct ls_slice page = { f->page.at, f->page.len };
    ls_response_field(&f->e->response, LS_SLICE("Content-Type"),
                      LS_SLICE("text/html; charset=utf-8"));
    return ls_answer(f->e, status_of(f), page) == 0;
}

static void answer_failure(struct ls_lua *lua, struct failure *f)
{
    const char *text = f->text.failed ? NULL : f->text.at;
    ls_response_reset(&f->e->response);
    if (f->quiet)
        ls_answer_page(f->e, f->answer, text && *text ? text : NULL);
    else if (f->page.len > 0 && answer_dev(f))
        return;
    else
        ls_answer_incident(f->e, status_of(f), lua->dev ? text : NULL);
}

/* Error handlers have the word, unless what failed is theirs, or nothing more may be spent on it. */
static bool leave_to_recover(struct ls_lua *lua, struct failure *f)
{
    struct ls_problem *p = &f->call->problem;
    int status = f->quiet ? f->answer : status_of(f);
    if (lua->provided[LS_PROVIDED_RECOVER] == LUA_NOREF || f->interrupted || f->memory ||
        p->status > 0 || status < 400)
        return false;
    const char *text = f->text.failed ? "" : f->text.at;
    p->status = status;
    if (f->quiet || lua->dev)
        ls_buffer_text(&p->message, text);
    if (!f->quiet)
        ls_buffer_text(&p->detail, text);
    ls_response_reset(&f->e->response);
    lua_pushcfunction(f->call->thread, run_recover);
    return true;
}

/* Closes what the handler left open, which may run code of its own, and be interrupted in it. */
static void unwind(struct ls_call *call)
{
    lua_resetthread(call->thread);
    lua_settop(call->thread, 0);
}

/* True: an error handler is to be run now. */
static bool failed(struct ls_lua *lua, struct ls_engine *e, int status)
{
    struct failure f = { .call = e->handler, .e = e, .status = status };
    f.yielded = status == LUA_YIELD;
    f.memory = status == LUA_ERRMEM;
    describe(lua, &f); /* while the failed calls still stand on the stack */
    unwind(f.call);
    f.interrupted = (enum ls_interrupt)lua->interrupted;
    if (!f.quiet && !e->gone)
        log_failure(lua, &f);
    bool recover = !e->gone && can_answer(e) && leave_to_recover(lua, &f);
    if (!e->gone && !recover)
        answer_failure(lua, &f);
    ls_buffer_free(&f.text);
    ls_buffer_free(&f.page);
    return recover;
}

/* ---- from outside ---- */

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
    if (ls_interrupt_over(lua, call->thread))
        leave_thread(lua, call);
    lua->current = NULL;
    if (__fpending(stdout) > 0)
        fflush(stdout);
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
    } while (status != LUA_OK && failed(lua, e, status));
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
    call->next = call->returned = false;
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
    unwind(call);
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
    const void *keys[] = { call, &call->handler };
    for (int i = 0; i < 2; i++) {
        lua_pushnil(lua->L);
        lua_rawsetp(lua->L, LUA_REGISTRYINDEX, keys[i]); /* it is there, or nil is no new one */
    }
    free(call);
    e->handler = NULL;
}
