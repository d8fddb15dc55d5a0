/* The engine under a driver that has no socket: bytes come from memory, one at a time if asked,
 * and handlers are left at every wait. What it answers must not depend on either. */
#include "memory.h"
#include "unit.h"
#include "valgrind.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lua/handler.h"
#include "lua/state.h"

static const char script[] =
    "local app = require 'luaserve'\n"
    "app:get('/plain', function() return 'plain' end)\n"
    "app:post('/echo', function(req) return { body = req:body() } end)\n"
    "app:post('/twice', function(req) local a = req:body() return { body = a .. req:body() } end)\n"
    "app:get('/sleep', function() app.sleep('2ms') app.sleep(0.001) return 'slept' end)\n"
    "app:get('/stream', function(req, res)\n"
    "  for i = 1, 3 do res:write('piece ' .. i .. '\\n') res:flush() end\n"
    "end)\n"
    "app:post('/inside', function(req)\n"
    "  return { body = coroutine.wrap(function() return req:body() end)() }\n"
    "end)\n"
    "app:post('/guarded', function(req)\n"
    "  local ok, body = pcall(req.body, req)\n"
    "  return { body = tostring(ok) .. ' ' .. body }\n"
    "end)\n"
    "app:get('/yields', function() coroutine.yield(1) end)\n"
    "app:get('/first', function() return app.next end)\n"
    "app:get('/:any', function(req) return 'any ' .. req.params.any end)\n"
    "app:post('/ignores', function() return 'ignored' end)\n"
    "app:get('/closes', function()\n"
    "  local guard <close> = setmetatable({}, { __close = function() CLOSED = true end })\n"
    "  app.sleep(60)\n"
    "end)\n"
    "app:get('/closed', function() return tostring(CLOSED) end)\n";

static struct ls_lua *lua;
static struct ls_site site;
static struct ls_log silent = { .level = LS_LOG_OFF };

static void begin(struct memory *m, const char *input, size_t chop, bool yields)
{
    CHECK_INT(memory_begin(m, &site, ls_slice_of(input), chop, yields), 0);
}

static void end(struct memory *m)
{
    ls_lua_end_connection(lua, &m->engine);
    memory_end(m);
}

static void run(struct memory *m, const char *input, size_t chop, bool yields)
{
    begin(m, input, chop, yields);
    CHECK(memory_run(m, 100000));
    ls_buffer_byte(&m->out, '\0');
}

static void same_in_all_ways(const char *input)
{
    struct memory whole, other;
    run(&whole, input, 1 << 20, false);
    memory_blank(&whole.out, "Date: ");
    for (int yields = 0; yields < 2; yields++) {
        for (size_t chop = 1; chop < 40; chop += 1 + chop / 3) {
            run(&other, input, chop, yields);
            memory_blank(&other.out, "Date: ");
            if (strcmp(whole.out.at, other.out.at) != 0)
                fprintf(stderr, "chop %zu yields %d:\n%s\n---\n%s\n", chop, yields, whole.out.at,
                        other.out.at);
            CHECK(strcmp(whole.out.at, other.out.at) == 0);
            end(&other);
        }
    }
    end(&whole);
}

#define HOST  "Host: x\r\n"
#define CLOSE "Connection: close\r\n"

static void answers_the_same_whole_and_in_pieces(void)
{
    same_in_all_ways("GET /plain HTTP/1.1\r\n" HOST "\r\n");
    same_in_all_ways("GET /plain HTTP/1.1\r\n" HOST "\r\nGET /plain HTTP/1.1\r\n" HOST CLOSE
                     "\r\n");
    same_in_all_ways("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\nhello world");
    same_in_all_ways(
        "POST /twice HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nTrailer: t\r\n\r\nGET /plain HTTP/1.1\r\n" HOST "\r\n");
    same_in_all_ways("GET /stream HTTP/1.1\r\n" HOST "\r\nGET /plain HTTP/1.1\r\n" HOST "\r\n");
    same_in_all_ways("GET /stream HTTP/1.0\r\n\r\n");
    same_in_all_ways("GET /first HTTP/1.1\r\n" HOST "\r\n");
    same_in_all_ways("POST /ignores HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                     "GET /plain HTTP/1.1\r\n" HOST "\r\n");
    same_in_all_ways("GET /nowhere/at/all HTTP/1.1\r\n" HOST "\r\n");
    same_in_all_ways("DELETE /plain HTTP/1.1\r\n" HOST "\r\n");
    same_in_all_ways("POST /guarded HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
}

static void yields_to_its_driver_where_it_can(void)
{
    struct memory m;
    run(&m, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 1, true);
    CHECK(strstr(m.out.at, "\r\n\r\nabc") != NULL);
    CHECK_INT(m.blocked, 0);
    end(&m);
    run(&m, "GET /sleep HTTP/1.1\r\n" HOST "\r\n", 1000, true);
    CHECK(strstr(m.out.at, "slept") != NULL);
    CHECK_INT(m.blocked, 0);
    CHECK(m.waits[LS_NEED_TIME] >= 2);
    end(&m);
    run(&m, "POST /guarded HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 1, true);
    CHECK(strstr(m.out.at, "true abc") != NULL);
    CHECK_INT(m.blocked, 0);
    end(&m);
}

static void blocks_inside_a_coroutine_of_the_users(void)
{
    struct memory m;
    run(&m, "POST /inside HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 1, true);
    CHECK(strstr(m.out.at, "\r\n\r\nabc") != NULL);
    CHECK(m.blocked > 0);
    end(&m);
}

static void blocks_everywhere_under_a_driver_that_does(void)
{
    struct memory m;
    run(&m, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 1, false);
    CHECK(strstr(m.out.at, "\r\n\r\nabc") != NULL);
    CHECK(m.blocked > 0);
    end(&m);
}

static void answers_500_to_a_yield_of_the_users_own(void)
{
    struct memory m;
    run(&m, "GET /yields HTTP/1.1\r\n" HOST "\r\nGET /plain HTTP/1.1\r\n" HOST "\r\n", 1000, true);
    CHECK(strstr(m.out.at, "HTTP/1.1 500 ") == m.out.at);
    CHECK(strstr(m.out.at, "\r\n\r\nplain") != NULL);
    end(&m);
}

static void flushes_earlier_answers_before_a_handler_runs(void)
{
    struct memory m;
    begin(&m, "GET /plain HTTP/1.1\r\n" HOST "\r\nGET /sleep HTTP/1.1\r\n" HOST "\r\n", 1 << 20,
          true);
    struct ls_need need = ls_engine_step(&m.engine);
    for (int i = 0; i < 100 && need.kind != LS_NEED_TIME; i++) {
        memory_meet(&m, &need);
        need = ls_engine_step(&m.engine);
    }
    CHECK_INT(need.kind, LS_NEED_TIME);
    ls_buffer_byte(&m.out, '\0');
    CHECK(strstr(m.out.at, "\r\n\r\nplain") != NULL);
    ls_engine_gone(&m.engine);
    CHECK_INT(ls_engine_step(&m.engine).kind, LS_NEED_END);
    end(&m);
}

static void closes_what_a_handler_has_open_when_its_client_goes(void)
{
    struct memory m;
    begin(&m, "GET /closes HTTP/1.1\r\n" HOST "\r\n", 1 << 20, true);
    struct ls_need need = ls_engine_step(&m.engine);
    memory_meet(&m, &need);
    CHECK_INT(ls_engine_step(&m.engine).kind, LS_NEED_TIME);
    ls_engine_gone(&m.engine);
    CHECK_INT(ls_engine_step(&m.engine).kind, LS_NEED_END);
    end(&m);
    run(&m, "GET /closed HTTP/1.1\r\n" HOST "\r\n", 1000, true);
    CHECK(strstr(m.out.at, "\r\n\r\ntrue") != NULL);
    end(&m);
}

static void sends_nothing_once_somebody_else_has_the_client(void)
{
    struct memory m;
    begin(&m, "GET /plain HTTP/1.1\r\n" HOST "\r\n", 1 << 20, false);
    struct ls_need need = ls_engine_step(&m.engine);
    CHECK_INT(need.kind, LS_NEED_INPUT);
    m.refuse = true;
    memory_meet(&m, &need);
    CHECK_INT(ls_engine_step(&m.engine).kind, LS_NEED_END);
    CHECK_INT(m.out.len, 0);
    end(&m);
}

/* A byte at a time: what is left of the body's time grows with what has come. */
static void gives_a_body_time_by_what_has_come(void)
{
    struct memory m;
    struct ls_site slow = site;
    slow.limits.body_timeout = 3600000000u;
    slow.min_rate = 2; /* bytes a second */
    slow.min_rate_after = 5000000;
    CHECK_INT(memory_begin(&m, &slow,
                           LS_SLICE("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabc"),
                           1, true),
              0);
    uint64_t began = ls_clock_us(), taken = 0;
    for (int i = 0; i < 200 && m.in.len > 0; i++) {
        struct ls_need need = ls_engine_step(&m.engine);
        if (need.phase == LS_PHASE_BODY) {
            uint64_t allowed = m.deadline - taken * 500000 - 5000000;
            CHECK(allowed >= began && allowed <= ls_clock_us());
            taken++;
        }
        memory_meet(&m, &need);
    }
    CHECK_INT(taken, 3);
    ls_engine_gone(&m.engine);
    CHECK_INT(ls_engine_step(&m.engine).kind, LS_NEED_END);
    end(&m);
}

static void has_room_for_the_body_that_comes(void)
{
    static const char *const framings[] = { "Content-Length: 60000", "Transfer-Encoding: chunked" };
    for (int i = 0; i < 2; i++) {
        struct memory m;
        struct ls_site large = site;
        struct ls_need need = { .phase = LS_PHASE_START };
        char head[100];
        snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\n" HOST "%s\r\n\r\n", framings[i]);
        large.limits.body = 60000;
        CHECK_INT(memory_begin(&m, &large, ls_slice_of(head), 100, true), 0);
        CHECK(ls_engine_room(&m.engine).len < 10000);
        for (int n = 0; n < 20 && need.phase != LS_PHASE_BODY; n++) {
            need = ls_engine_step(&m.engine);
            if (need.phase != LS_PHASE_BODY)
                memory_meet(&m, &need);
        }
        CHECK(ls_engine_room(&m.engine).len >= 60000);
        ls_engine_gone(&m.engine);
        CHECK_INT(ls_engine_step(&m.engine).kind, LS_NEED_END);
        end(&m);
    }
}

static const struct unit_test tests[] = {
    { "has room for the body that comes", has_room_for_the_body_that_comes },
    { "gives a body time by what has come of it", gives_a_body_time_by_what_has_come },
    { "answers the same whole and in pieces, blocking and yielding",
      answers_the_same_whole_and_in_pieces },
    { "yields to its driver where it can", yields_to_its_driver_where_it_can },
    { "blocks inside a coroutine of the user's", blocks_inside_a_coroutine_of_the_users },
    { "blocks everywhere under a driver that does", blocks_everywhere_under_a_driver_that_does },
    { "answers 500 to a yield of the user's own", answers_500_to_a_yield_of_the_users_own },
    { "flushes earlier answers before a handler runs",
      flushes_earlier_answers_before_a_handler_runs },
    { "closes what a handler has open when its client goes",
      closes_what_a_handler_has_open_when_its_client_goes },
    { "sends nothing once somebody else has the client",
      sends_nothing_once_somebody_else_has_the_client },
};

static int load(const char *folder)
{
    struct ls_buffer why = { 0 };
    char path[64];
    snprintf(path, sizeof path, "%s/a.lua", folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs(script, file) < 0 || fclose(file) != 0)
        return -errno;
    struct ls_router *router = ls_router_new();
    struct ls_lua_options options = { .scripts = folder,
                                      .router = router,
                                      .log = &silent,
                                      .version = "0",
                                      .status = "",
                                      .metrics = "" };
    int err = ls_lua_new(&lua, &options, &why);
    if (err < 0)
        fprintf(stderr, "%.*s\n", (int)why.len, why.at);
    ls_buffer_free(&why);
    unlink(path);
    site = (struct ls_site) { .head = { 8192, 32768, 100 },
                              .limits = { .body = 1 << 20,
                                          .wall = 1000000,
                                          .body_timeout = 1000000,
                                          .send_timeout = 1000000 },
                              .head_timeout = 1000000,
                              .idle_timeout = 1000000,
                              .linger_timeout = 1000000,
                              .requests = 100,
                              .router = router,
                              .www = { .root = -1, .index = "index.html" },
                              .log = &silent };
    if (err == 0)
        ls_lua_handlers(lua, &site.handlers);
    return err;
}

int main(void)
{
    char folder[] = "/tmp/luaserve-engine-XXXXXX";
    alarm(120);
    suit_valgrind();
    if (!mkdtemp(folder) || load(folder) < 0)
        return 1;
    int status = unit_main(tests, sizeof tests / sizeof *tests);
    struct ls_router *router = (struct ls_router *)site.router;
    ls_lua_free(&lua);
    ls_router_free(&router);
    rmdir(folder);
    return status;
}
