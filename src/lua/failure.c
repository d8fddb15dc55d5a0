#include "lua/failure.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/answer.h"
#include "exchange/capsule.h"
#include "exchange/live.h"
#include "lua/app.h"
#include "lua/handler.h"
#include "lua/routes.h"
#include "lua/traceback.h"

enum { REPORT_ROOM = 256 << 10 }; /* bytes over the budget, for the report of what went wrong */

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
    if (!ls_call_has_culprit(ls_lua_of(L), call) ||
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
    const char *text = lua_tostring(L, 2);
    f->memory |= text && strstr(text, "not enough memory") != NULL;
    if (f->call->returned) {
        lua_pushstring(L, text ? text : "an error that is no text");
        describe_result(L, f->call);
    } else {
        ls_traceback(L, co, 2, 0);
    }
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
    if (f->quiet)
        return "called app.abort when there was no answer to give any more";
    switch (f->interrupted) {
    case LS_INTERRUPT_WALL:
        return "over its wall time";
    case LS_INTERRUPT_CPU:
        return "over its CPU time";
    case LS_INTERRUPT_EXIT:
        return "ended";
    case LS_INTERRUPT_LEFT:
    case LS_INTERRUPT_NONE:
    default:
        return f->memory ? "over its memory" : "failed";
    }
}

/* What has no request is called by what it has. */
static void name_live(const struct ls_lua *lua, const struct ls_engine *e, struct ls_slice *method,
                      struct ls_slice *target)
{
    if (e->live == LS_LIVE_RAW) {
        *method = LS_SLICE("tcp");
        *target = ls_slice_of(e->peer.ip);
    } else if (e->live == LS_LIVE_SCHEDULE) {
        *method = LS_SLICE("every");
        *target = ls_slice_of(ls_schedules_of(lua->schedules, e->handler_number)->name);
    }
}

/* LS_BUDGETS: that was not it. */
static enum ls_budget budget_of(const struct failure *f)
{
    switch (f->interrupted) {
    case LS_INTERRUPT_WALL:
        return LS_BUDGET_WALL;
    case LS_INTERRUPT_CPU:
        return LS_BUDGET_CPU;
    case LS_INTERRUPT_NONE:
        return f->memory ? LS_BUDGET_MEMORY : LS_BUDGETS;
    case LS_INTERRUPT_LEFT:
    case LS_INTERRUPT_EXIT:
    default:
        return LS_BUDGETS;
    }
}

/* The traceback; of what took too much also how long it took, and what was asked. */
static void make_capsule(const struct ls_lua *lua, const struct failure *f,
                         struct ls_buffer *capsule)
{
    const struct ls_engine *e = f->e;
    enum ls_budget budget = budget_of(f);
    if (lua->commons && budget < LS_BUDGETS)
        ls_tally(&lua->commons->metrics->tallies.budgets[budget], 1);
    ls_buffer_text(capsule, f->text.failed ? "" : f->text.at);
    if (budget < LS_BUDGETS && e->parsed) {
        ls_buffer_printf(capsule, "\n%.3f s after the head of the request had come",
                         (double)(ls_clock_us() - e->begun_at) / 1e6);
        ls_capsule_head(capsule, (struct ls_slice) { e->in.at, e->in.head });
    }
    ls_buffer_byte(capsule, '\0');
}

static void log_failure(struct ls_lua *lua, const struct failure *f)
{
    struct ls_engine *e = f->e;
    struct ls_slice method = ls_span_slice(e->in.at, e->head.method_token);
    struct ls_slice target = ls_span_slice(e->in.at, e->head.target);
    struct ls_buffer capsule = { 0 };
    char code[32] = "";
    if (f->interrupted == LS_INTERRUPT_EXIT)
        snprintf(code, sizeof code, " with os.exit(%d)", lua->exit_status);
    name_live(lua, e, &method, &target);
    make_capsule(lua, f, &capsule);
    ls_log_block(lua->log, LS_LOG_ERROR, capsule.failed ? NULL : capsule.at,
                 "%s %.*s %.*s: handler %s%s", e->id, (int)method.len, method.at, (int)target.len,
                 target.at, cause_of(f), code);
    ls_buffer_free(&capsule);
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
    if (e->live == LS_LIVE_UPGRADED) /* whose protocol has told it by now */
        ls_live_end(e, false);
    else
        ls_engine_tear(e);
    return false;
}

/* What is out is all that there is to say. */
static void end_whole(struct ls_engine *e)
{
    if (e->live >= LS_LIVE_UPGRADED)
        ls_live_end(e, false);
    else if (ls_answer_end(e) < 0)
        ls_engine_tear(e);
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
    return true;
}

/* True: error handlers have the word. */
static bool answer(struct ls_lua *lua, struct failure *f)
{
    bool enough = f->interrupted ? f->interrupted == LS_INTERRUPT_LEFT : f->call->enough;
    if (enough && !f->memory) {
        end_whole(f->e);
        return false;
    }
    if (!f->quiet)
        log_failure(lua, f);
    if (f->quiet && f->answer > 0 && f->e->live >= LS_LIVE_EVENTS)
        log_failure(lua, f); /* nobody else will say so */
    if (!can_answer(f->e))
        return false;
    if (leave_to_recover(lua, f))
        return true;
    answer_failure(lua, f);
    return false;
}

bool ls_failure_answer(struct ls_lua *lua, struct ls_engine *e, int status)
{
    struct failure f = { .call = e->handler, .e = e, .status = status };
    f.yielded = status == LUA_YIELD;
    f.memory = status == LUA_ERRMEM;
    describe(lua, &f); /* while the failed calls still stand on the stack */
    ls_call_unwind(f.call);
    f.interrupted = (enum ls_interrupt)lua->interrupted;
    bool recover = !e->gone && answer(lua, &f);
    ls_buffer_free(&f.text);
    ls_buffer_free(&f.page);
    return recover;
}
