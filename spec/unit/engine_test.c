/* The engine under a driver that has no socket: bytes come from memory, one at a time if asked,
 * and handlers are left at every wait. What it answers must not depend on either. */
#include "unit.h"
#include "valgrind.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "exchange/engine.h"
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

struct memory {
    struct ls_driver driver;
    struct ls_engine engine;
    struct ls_slice in;   /* not fed yet */
    size_t chop;          /* bytes fed, or taken, at a time */
    struct ls_buffer out; /* taken */
    unsigned waits[4];    /* by kind of need */
    unsigned blocked;
    bool refuse; /* `enter` says that somebody else has the client */
};

static struct ls_lua *lua;
static struct ls_site site;
static struct ls_log silent = { .level = LS_LOG_OFF };

static bool enter(struct ls_driver *d, struct ls_engine *e, enum ls_phase phase, uint64_t deadline)
{
    (void)e, (void)phase, (void)deadline;
    return !((struct memory *)d)->refuse;
}

static void feed(struct memory *m)
{
    struct ls_slice room = ls_engine_room(&m->engine);
    size_t len = m->in.len < m->chop ? m->in.len : m->chop;
    if (len > room.len)
        len = room.len;
    if (len > 0)
        memcpy((char *)room.at, m->in.at, len);
    m->in = ls_slice_from(m->in, len);
    ls_engine_received(&m->engine, len);
}

static void take(struct memory *m)
{
    struct ls_slice ahead = ls_output_ahead(&m->engine.out);
    if (ahead.len > m->chop)
        ahead.len = m->chop;
    ls_buffer_slice(&m->out, ahead);
    ls_output_sent(&m->engine.out, ahead.len);
}

static int meet(struct memory *m, const struct ls_need *need)
{
    m->waits[need->kind]++;
    switch (need->kind) {
    case LS_NEED_INPUT:
        feed(m);
        break;
    case LS_NEED_OUTPUT:
        take(m);
        break;
    case LS_NEED_TIME:
        while (ls_clock_us() < need->until)
            ;
        break;
    default:
        break;
    }
    return 0;
}

static int block(struct ls_driver *d, struct ls_engine *e, const struct ls_need *need)
{
    struct memory *m = (struct memory *)d;
    (void)e;
    m->blocked++;
    return meet(m, need);
}

static void begin(struct memory *m, const char *input, size_t chop, bool yields)
{
    const struct ls_peer peer = { "127.0.0.1", 4711 };
    *m = (struct memory) { .in = ls_slice_of(input), .chop = chop };
    m->driver = (struct ls_driver) { enter, block, yields };
    CHECK_INT(ls_engine_init(&m->engine, &site, &m->driver), 0);
    ls_engine_open(&m->engine, 1, &peer);
}

static void end(struct memory *m)
{
    ls_lua_end_connection(lua, &m->engine);
    ls_engine_free(&m->engine);
    ls_buffer_free(&m->out);
}

static void run(struct memory *m, const char *input, size_t chop, bool yields)
{
    begin(m, input, chop, yields);
    for (int steps = 0; steps < 100000; steps++) {
        struct ls_need need = ls_engine_step(&m->engine);
        if (need.kind == LS_NEED_END)
            break;
        meet(m, &need);
    }
    ls_buffer_byte(&m->out, '\0');
}

/* The date and the id differ from run to run. */
static void blank(char *text, const char *field)
{
    for (char *at = text; (at = strstr(at, field)) != NULL;)
        for (at += strlen(field); *at && *at != '\r'; at++)
            *at = '-';
}

static void same_in_all_ways(const char *input)
{
    struct memory whole, other;
    run(&whole, input, 1 << 20, false);
    blank(whole.out.at, "Date: ");
    for (int yields = 0; yields < 2; yields++) {
        for (size_t chop = 1; chop < 40; chop += 1 + chop / 3) {
            run(&other, input, chop, yields);
            blank(other.out.at, "Date: ");
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
        meet(&m, &need);
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
    meet(&m, &need);
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
    meet(&m, &need);
    CHECK_INT(ls_engine_step(&m.engine).kind, LS_NEED_END);
    CHECK_INT(m.out.len, 0);
    end(&m);
}

static const struct unit_test tests[] = {
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
    struct ls_lua_options options = { folder, router, &silent, false, "0" };
    int err = ls_lua_new(&lua, &options, &why);
    if (err < 0)
        fprintf(stderr, "%.*s\n", (int)why.len, why.at);
    ls_buffer_free(&why);
    unlink(path);
    site = (struct ls_site) { .head = { 8192, 32768, 100 },
                              .body = 1 << 20,
                              .head_timeout = 1000000,
                              .body_timeout = 1000000,
                              .idle_timeout = 1000000,
                              .send_timeout = 1000000,
                              .linger_timeout = 1000000,
                              .wall = 1000000,
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
