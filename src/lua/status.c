#include "lua/status.h"

#include <sched.h>
#include <string.h>

#include "base/clock.h"
#include "lua/state.h"
#include "os/usage.h"

#define TEXTS(X) X(html) X(css) X(js)

#define DECLARE(name)                                                                              \
    extern const char ls_status_##name[] __attribute__((visibility("hidden")));                    \
    extern const char ls_status_##name##_end[] __attribute__((visibility("hidden")));
TEXTS(DECLARE)

static const struct text {
    const char *name, *from, *to;
} texts[] = {
#define ENTRY(name) { #name, ls_status_##name, ls_status_##name##_end },
    TEXTS(ENTRY)
};

static const struct ls_roster *roster_of(lua_State *L)
{
    ls_lua_current(L);
    return ls_lua_of(L)->commons->roster;
}

/* ---- a row as a table ---- */

static void set_integer(lua_State *L, const char *name, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

/* On the clock that began with the server. */
static void set_time(lua_State *L, const char *name, const struct ls_roster *r, uint64_t us)
{
    set_integer(L, name, us > r->started ? (us - r->started) / 1000 : 0);
}

static bool is_at_a_request(const struct ls_row *row)
{
    return row->phase >= LS_PHASE_HEAD && row->phase <= LS_PHASE_LIVE;
}

static void push_row(lua_State *L, const struct ls_roster *r, const struct ls_row *row)
{
    char id[17];
    lua_createtable(L, 0, 16);
    set_integer(L, "client", row->client);
    set_integer(L, "pid", (uint64_t)row->pid);
    set_text(L, "ip", row->ip);
    set_integer(L, "port", row->port);
    set_text(L, "phase", ls_phase_name(row->phase));
    set_integer(L, "requests", row->seq);
    set_time(L, "opened_ms", r, row->opened);
    set_time(L, "since_ms", r, row->since);
    set_text(L, "method", row->service ? "" : row->method);
    set_text(L, "target", row->service ? "" : row->target);
    lua_pushboolean(L, row->service > 0);
    lua_setfield(L, -2, "raw");
    if (!is_at_a_request(row))
        return;
    ls_request_id(ls_lua_of(L)->current->site->nonce, row->client, row->seq, id);
    set_text(L, "id", id);
}

/* ---- lists ---- */

static uint32_t top_of(const struct ls_roster *r)
{
    return atomic_load(&r->top);
}

/* clients(most): a list, and how many there are. Where they are more than `most`, those who only wait for
 * their next request are left out first. */
static int core_clients(lua_State *L)
{
    const struct ls_roster *r = roster_of(L);
    lua_Integer most = luaL_checkinteger(L, 1), count = 0, all = 0;
    struct ls_row row;
    lua_newtable(L);
    for (int idle = 0; idle < 2; idle++) {
        for (uint32_t i = 0; i < top_of(r); i++) {
            uint64_t word = ls_roster_word(r, i);
            if (word == 0 || (ls_slot_phase(word) <= LS_PHASE_IDLE) != idle)
                continue;
            all++;
            if (count >= most || !ls_roster_client(r, i, &row))
                continue;
            push_row(L, r, &row);
            lua_rawseti(L, -2, ++count);
        }
    }
    lua_pushinteger(L, all);
    return 2;
}

/* workers(): of mode "pool". */
static int core_workers(lua_State *L)
{
    const struct ls_roster *r = roster_of(L);
    struct ls_row row;
    lua_Integer count = 0;
    lua_newtable(L);
    for (uint32_t i = 0; i < r->worker_count; i++) {
        if (!ls_roster_worker(r, i, &row))
            continue;
        lua_createtable(L, 0, 4);
        set_integer(L, "pid", (uint64_t)row.pid);
        set_integer(L, "clients", ls_roster_count_of(r, i + 1));
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

/* sides(): second processes of clients, and runs of schedules, whose method is "every". */
static int core_sides(lua_State *L)
{
    const struct ls_roster *r = roster_of(L);
    struct ls_row row;
    lua_Integer count = 0;
    lua_newtable(L);
    for (uint32_t i = 0; i < atomic_load(r->side_top); i++) {
        if (!ls_roster_side(r, i, &row))
            continue;
        push_row(L, r, &row);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

/* ---- what all of it uses ---- */

static uint64_t cpu_of(int pid)
{
    uint64_t us;
    return pid > 0 && ls_usage_cpu(pid, &us) == 0 ? us : 0;
}

/* Of all processes, those that have ended too. */
static uint64_t cpu_of_all(const struct ls_roster *r)
{
    struct ls_row row;
    uint64_t sum = 0;
    ls_usage_cpu_of_all(r->supervisor, &sum);
    for (uint32_t i = 0; r->clients && i < top_of(r); i++)
        if (ls_roster_client(r, i, &row))
            sum += cpu_of(row.pid);
    for (uint32_t i = 0; i < r->worker_count; i++)
        if (ls_roster_worker(r, i, &row))
            sum += cpu_of(row.pid);
    for (uint32_t i = 0; i < atomic_load(r->side_top); i++)
        if (ls_roster_side(r, i, &row))
            sum += cpu_of(row.pid);
    return sum;
}

static uint64_t requests_of_all(const struct ls_roster *r)
{
    uint64_t sum = atomic_load(&r->requests);
    for (uint32_t i = 0; i < top_of(r); i++)
        sum += ls_slot_seq(ls_roster_word(r, i));
    return sum;
}

static uint64_t cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint64_t)CPU_COUNT(&set) : 1;
}

/* overview(): of the server as a whole. */
static int core_overview(lua_State *L)
{
    const struct ls_roster *r = roster_of(L);
    lua_createtable(L, 0, 9);
    set_text(L, "mode", r->mode);
    set_integer(L, "pid", (uint64_t)r->supervisor);
    set_integer(L, "generation", atomic_load(r->newest));
    set_integer(L, "max_clients", r->max_clients);
    set_integer(L, "requests", requests_of_all(r));
    set_integer(L, "cores", cores());
    set_integer(L, "cpu_ms", cpu_of_all(r) / 1000);
    set_time(L, "now_ms", r, ls_clock_us());
    set_integer(L, "you", ls_lua_of(L)->current->client);
    return 1;
}

/* cpu(pid): milliseconds so far; nil where that cannot be known. */
static int core_cpu(lua_State *L)
{
    uint64_t us;
    if (ls_usage_cpu((int)luaL_checkinteger(L, 1), &us) < 0)
        return 0;
    lua_pushinteger(L, (lua_Integer)(us / 1000));
    return 1;
}

static void push_bytes(lua_State *L, int err, uint64_t bytes)
{
    if (err < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)bytes);
}

/* memory(pid): bytes that are its own, and resident ones; nil where that cannot be known. */
static int core_memory(lua_State *L)
{
    uint64_t own = 0, resident = 0;
    int pid = (int)luaL_checkinteger(L, 1);
    int err = ls_usage_own(pid, &own);
    push_bytes(L, err, own);
    err = ls_usage_resident(pid, &resident);
    push_bytes(L, err, resident);
    return 2;
}

/* retired(): there is a newer generation, or the server stops. */
static int core_retired(lua_State *L)
{
    lua_pushboolean(L, ls_site_retired(ls_lua_current(L)->site));
    return 1;
}

/* status_text(name): a part of the page. */
static int core_status_text(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i].name, name) != 0)
            continue;
        lua_pushlstring(L, texts[i].from, (size_t)(texts[i].to - texts[i].from));
        return 1;
    }
    return luaL_error(L, "no text %s", name);
}

void ls_status_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "clients", core_clients },
                                          { "workers", core_workers },
                                          { "sides", core_sides },
                                          { "overview", core_overview },
                                          { "cpu", core_cpu },
                                          { "memory", core_memory },
                                          { "retired", core_retired },
                                          { "status_text", core_status_text },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}
