#include "lua/state.h"

#include <errno.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lua/app.h"
#include "lua/channels.h"
#include "lua/conn.h"
#include "lua/dicts.h"
#include "lua/duplex.h"
#include "lua/held.h"
#include "lua/interrupt.h"
#include "lua/native.h"
#include "lua/request.h"
#include "lua/scripts.h"
#include "lua/sockets.h"
#include "lua/stdlib.h"
#include "lua/traceback.h"

/* When the next cycle begins, in percent of what the last one left; Lua's own is 200. Lua's text
 * buffers do not collect before they give up, so in a worker a cycle has to begin before its garbage
 * fills the budget. */
enum { FIRST_PAUSE = 1000, LATER_PAUSE = 150 };

enum { STAYS_GARBAGE = 256 << 10 }; /* bytes, of a connection that stays, before the first cycle */

static void *allocate(void *ctx, void *old, size_t old_size, size_t size)
{
    struct ls_heap *heap = ctx;
    if (!old)
        old_size = 0; /* then it is a type's tag */
    if (size == 0) {
        free(old);
        heap->used -= old_size;
        return NULL;
    }
    if (size > old_size && heap->limit > 0 && heap->used + (size - old_size) > heap->limit)
        return NULL;
    void *at = realloc(old, size);
    if (at)
        heap->used += size - old_size;
    return at;
}

/* The same over the allocator of a program. */
static void *allocate_below(void *ctx, void *old, size_t old_size, size_t size)
{
    struct ls_heap *heap = ctx;
    size_t had = old ? old_size : 0;
    if (size > had && heap->limit > 0 && heap->used + (size - had) > heap->limit)
        return NULL;
    void *at = heap->below(heap->below_ctx, old, old_size, size);
    if (at || size == 0)
        heap->used += size - had;
    return at;
}

/* ---- making and loading, in protected calls ---- */

static int open_module(lua_State *L)
{
    const struct ls_lua_options *options = lua_touserdata(L, 1);
    if (!options->program)
        luaL_openlibs(L);
    ls_stdlib_open(L);
    ls_held_open(L);
    ls_request_open(L);
    ls_channels_open(L);
    ls_dicts_open(L);
    ls_conn_open(L);
    ls_duplex_open(L);
    ls_sockets_open(L);
    ls_app_open(L, options);
    return 0;
}

static int load_all(lua_State *L)
{
    const struct ls_lua_options *options = lua_touserdata(L, 1);
    ls_app_configure(L, options);
    ls_natives_prepare(L, options->natives);
    if (options->scripts)
        ls_scripts_run(L, options->scripts);
    ls_app_settle(L);
    return 0;
}

static int with_traceback(lua_State *L)
{
    ls_traceback(L, L, 1, 1);
    return 1;
}

static int protected(struct ls_lua *lua, lua_CFunction function,
                     const struct ls_lua_options *options, struct ls_buffer *why)
{
    lua_State *L = lua->L;
    lua_pushcfunction(L, with_traceback);
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, (void *)options);
    int status = lua_pcall(L, 1, 0, 1);
    if (status != LUA_OK) {
        const char *message = lua_tostring(L, -1);
        ls_buffer_text(why, message ? message : "(an error that is no text)");
    }
    lua_settop(L, 0);
    return status == LUA_OK ? 0 : status == LUA_ERRMEM ? -ENOMEM : -EINVAL;
}

static void free_code(struct ls_lua *lua)
{
    for (size_t i = 0; lua->code && i < LS_APP_PARTS; i++)
        ls_buffer_free(&lua->code[i]);
    free(lua->code);
    lua->code = NULL;
}

static int compile_code(struct ls_lua *lua, bool strip)
{
    lua->code = calloc(LS_APP_PARTS, sizeof *lua->code);
    return lua->code ? ls_app_compile(lua->code, strip) : -ENOMEM;
}

static void fill(struct ls_lua *lua, const struct ls_lua_options *options)
{
    lua->router = options->router;
    lua->mounts = options->mounts;
    lua->services = options->services;
    lua->schedules = options->schedules;
    lua->unrouted = -1;
    for (int i = 0; i < LS_PROVIDED; i++)
        lua->provided[i] = LUA_NOREF;
    lua->log = options->log;
    lua->secrets = options->secrets;
}

int ls_lua_load(struct ls_lua *lua, const struct ls_lua_options *options, struct ls_buffer *why)
{
    lua->base = options->base;
    lua->dev = options->dev;
    lua->alone = options->alone;
    ls_interrupt_loading(lua, options->load_until);
    int err = protected(lua, load_all, options, why);
    bool late = options->load_until > 0 && ls_clock_us() > options->load_until;
    if (err == 0 && late) { /* in a call of C, which no hook ends */
        ls_buffer_text(why, "loading took longer than limits.load allows");
        err = -EINVAL;
    }
    ls_interrupt_loading(lua, 0);
    free_code(lua);
    lua->loaded = true;
    return err;
}

int ls_lua_new(struct ls_lua **out, const struct ls_lua_options *options, struct ls_buffer *why)
{
    struct ls_lua *lua = calloc(1, sizeof *lua);
    *out = NULL;
    if (!lua)
        return -ENOMEM;
    fill(lua, options);
    int err = compile_code(lua, !options->dev);
    lua->L = err == 0 ? lua_newstate(allocate, &lua->heap) : NULL;
    err = lua->L ? 0 : -ENOMEM;
    if (err == 0) {
        *(struct ls_lua **)lua_getextraspace(lua->L) = lua;
        err = protected(lua, open_module, options, why);
    }
    if (err == 0)
        err = ls_lua_load(lua, options, why);
    if (err < 0)
        ls_lua_free(&lua);
    *out = lua;
    return err;
}

/* ---- in the state of a program ---- */

static const char kept = 0, thread = 0; /* keys of what the registry keeps */

struct ls_lua *ls_lua_of_program(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kept);
    struct ls_lua *lua = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return lua;
}

static void keep(struct ls_lua *lua, lua_State *program)
{
    lua_pushlightuserdata(program, lua);
    lua_rawsetp(program, LUA_REGISTRYINDEX, &kept);
    lua->L = lua_newthread(program);
    lua_rawsetp(program, LUA_REGISTRYINDEX, &thread);
}

static void count_heap(struct ls_lua *lua)
{
    struct ls_heap *heap = &lua->heap;
    heap->used = ((size_t)lua_gc(lua->L, LUA_GCCOUNT) << 10) + (size_t)lua_gc(lua->L, LUA_GCCOUNTB);
    heap->below = lua_getallocf(lua->L, &heap->below_ctx);
    lua_setallocf(lua->L, allocate_below, heap);
}

int ls_lua_adopt(struct ls_lua **out, lua_State *program, const struct ls_lua_options *options,
                 struct ls_buffer *why)
{
    struct ls_lua *lua = *out = calloc(1, sizeof *lua);
    if (!lua)
        return -ENOMEM;
    lua->of_program = true;
    fill(lua, options);
    keep(lua, program);
    count_heap(lua);
    int err = compile_code(lua, false);
    return err < 0 ? err : protected(lua, open_module, options, why);
}

/* The program may have put an allocator of its own above ours meanwhile, which goes on calling it. */
static void give_back(struct ls_lua *lua)
{
    void *ctx;
    lua->heap.limit = 0;
    if (lua_getallocf(lua->L, &ctx) == allocate_below && ctx == &lua->heap)
        lua_setallocf(lua->L, lua->heap.below, lua->heap.below_ctx);
    if (lua->collector.mode == 0)
        return;
    lua_gc(lua->L, LUA_GCSETPAUSE, lua->collector.pause);
    if (lua->collector.mode == LUA_GCGEN)
        lua_gc(lua->L, LUA_GCGEN, 0, 0);
}

static void release(struct ls_lua *lua)
{
    static const struct ls_log nowhere = { .level = LS_LOG_OFF };
    if (lua->heap.below)
        give_back(lua);
    lua->loaded = true;
    lua->log = &nowhere;
    lua->router = NULL;
    lua->mounts = NULL;
    lua->services = NULL;
    lua->schedules = NULL;
    lua->secrets = NULL;
    lua->commons = NULL;
    lua->base = NULL;
    lua->handlers = NULL;
    lua->handler_count = 0;
}

/* ---- its end ---- */

void ls_lua_free(struct ls_lua **out)
{
    struct ls_lua *lua = *out;
    *out = NULL;
    if (!lua)
        return;
    if (lua->L && !lua->of_program)
        lua_close(lua->L);
    free_code(lua);
    free(lua->handlers);
    if (lua->of_program)
        release(lua);
    else
        free(lua);
}

void ls_lua_settle(struct ls_lua *lua, uint64_t memory)
{
    lua_gc(lua->L, LUA_GCCOLLECT);
    uint64_t percent = 100 + memory / 2 / (lua->heap.used / 100 + 1);
    if (percent > FIRST_PAUSE)
        percent = FIRST_PAUSE;
    if (lua->of_program)
        lua->collector.pause = lua_gc(lua->L, LUA_GCSETPAUSE, (int)percent);
    lua->collector.mode = lua_gc(lua->L, LUA_GCINC, (int)percent, 0, 0);
    lua_gc(lua->L, LUA_GCCOLLECT); /* what the first one finalized */
    lua->heap.sweep_at = lua->heap.used / 100 * (size_t)percent;
}

/* A step that is smaller than what is missing to the next cycle does nothing but bring that nearer. */
void ls_lua_stay(struct ls_lua *lua)
{
    size_t at = lua->heap.used + STAYS_GARBAGE;
    if (lua->heap.sweep_at <= at)
        return;
    lua_gc(lua->L, LUA_GCSTEP, (int)((lua->heap.sweep_at - at) >> 10));
    lua->heap.sweep_at = at;
}

void ls_lua_join(struct ls_lua *lua, const struct ls_commons *commons, uint32_t number,
                 struct ls_bell *bell)
{
    lua->commons = commons;
    lua->number = number;
    lua->bell = bell;
    lua->hub = NULL; /* a second process has none of the first one's subscriptions */
}

void ls_lua_listen(struct ls_lua *lua)
{
    if (lua->hub)
        ls_hub_listen(lua->hub);
}

void ls_lua_serve(struct ls_lua *lua, void (*quit)(void *ctx, int status), void *ctx)
{
    lua->serving = true;
    lua->waits = 1;
    lua->quit = quit;
    lua->quit_ctx = ctx;
    lua->heap.loaded = lua->heap.used;
    lua_gc(lua->L, LUA_GCINC, LATER_PAUSE, 0, 0);
    ls_stdlib_reseed(lua);
}

void ls_lua_allow(struct ls_lua *lua, uint64_t memory)
{
    struct ls_heap *heap = &lua->heap;
    heap->limit = memory < SIZE_MAX - heap->loaded ? heap->loaded + (size_t)memory : 0;
    if (heap->used > heap->loaded && heap->used - heap->loaded > memory / 2)
        lua_gc(lua->L, LUA_GCCOLLECT);
}

bool ls_lua_provided(lua_State *L, enum ls_provided what)
{
    int ref = ls_lua_of(L)->provided[what];
    if (ref != LUA_NOREF)
        lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
    return ref != LUA_NOREF;
}
