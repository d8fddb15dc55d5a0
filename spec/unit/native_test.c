/* Routes in C. */
#include "hosting.h"

static struct luaserve *serving(const char *script, const char *mode)
{
    struct luaserve *s = host_new(script);
    host_set(s, "processes.mode", mode);
    return s;
}

static void route(struct luaserve *s, const char *methods, const char *pattern,
                  luaserve_handler *handler, void *user)
{
    struct luaserve_error error = { .code = LUASERVE_OK };
    CHECK_INT(luaserve_route(s, methods, pattern, handler, user, &error), 0);
    CHECK(strcmp(error.text, "") == 0);
}

static int write_text(struct luaserve_response *r, const char *text)
{
    return luaserve_response_write(r, text, strlen(text));
}

static int write_slice(struct luaserve_response *r, const char *name, struct luaserve_slice s)
{
    char head[100];
    snprintf(head, sizeof head, "%s=%s", name, s.at ? "" : "(none)");
    return write_text(r, head) < 0 || luaserve_response_write(r, s.at, s.len) < 0 ||
           write_text(r, "\n") < 0;
}

static const char *const modes[] = { "fork", "pool" };

/* ---- requests ---- */

static int tell(struct luaserve_request *q, struct luaserve_response *r, void *user)
{
    luaserve_response_header(r, "Content-Type", "text/plain");
    write_slice(r, "method", luaserve_request_method(q));
    write_slice(r, "target", luaserve_request_target(q));
    write_slice(r, "path", luaserve_request_path(q));
    write_slice(r, "query", luaserve_request_query(q));
    write_slice(r, "x", luaserve_request_header(q, "x-one"));
    write_slice(r, "no", luaserve_request_header(q, "x-two"));
    write_slice(r, "id", luaserve_request_parameter(q, "id"));
    write_slice(r, "none", luaserve_request_parameter(q, "other"));
    write_slice(r, "body", luaserve_request_body(q));
    write_slice(r, "address", luaserve_request_address(q));
    CHECK(luaserve_request_port(q) > 0);
    CHECK_INT(luaserve_request_id(q).len, 16);
    write_text(r, user);
    return 0;
}

static void a_handler_reads_the_request(void)
{
    for (int i = 0; i < 2; i++) {
        struct luaserve *s = serving("", modes[i]);
        route(s, "GET, POST", "/items/:id", tell, "user");
        host_start(s, 0);
        int fd = host_connect(s);
        host_send(fd, "POST /items/a%20b?c=%64 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                      "X-One: first\r\nX-One: second\r\nContent-Length: 5\r\n\r\n");
        host_send(fd, "hello");
        host_read(fd);
        CHECK(strcmp(answer_body(), "method=POST\ntarget=/items/a%20b?c=%64\npath=/items/a b\n"
                                    "query=c=%64\nx=first\nno=(none)\nid=a b\nnone=(none)\n"
                                    "body=hello\naddress=127.0.0.1\nuser") == 0);
        CHECK(strstr(answer, "\r\nContent-Type: text/plain\r\n") != NULL);
        CHECK(strstr(answer, "\r\nContent-Length: ") != NULL);
        CHECK_INT(host_ask(s, "PUT", "/items/1", ""), 405);
        host_stop(&s);
    }
}

/* ---- responses ---- */

static char script_path[200];

static int respond(struct luaserve_request *q, struct luaserve_response *r, void *user)
{
    struct luaserve_slice how = luaserve_request_parameter(q, "how");
    (void)user;
    if (strncmp(how.at, "nothing", how.len) == 0)
        return 0;
    if (strncmp(how.at, "teapot", how.len) == 0)
        return luaserve_response_status(r, 418);
    if (strncmp(how.at, "gone", how.len) == 0)
        return 410;
    if (strncmp(how.at, "next", how.len) == 0)
        return LUASERVE_NEXT;
    if (strncmp(how.at, "wrong", how.len) == 0)
        return 1000;
    if (strncmp(how.at, "file", how.len) == 0)
        return luaserve_response_file(r, script_path);
    if (strncmp(how.at, "missing", how.len) == 0)
        return luaserve_response_file(r, "scripts/none");
    if (strncmp(how.at, "flushed", how.len) == 0) {
        CHECK_INT(luaserve_response_status(r, 201), 0);
        CHECK_INT(write_text(r, "one"), 0);
        CHECK_INT(luaserve_response_flush(r), 0);
        CHECK_INT(luaserve_response_status(r, 202), -1);
        CHECK_INT(luaserve_response_header(r, "X-A", "late"), -1);
        CHECK_INT(luaserve_response_file(r, "scripts/a.lua"), -1);
        return write_text(r, "two");
    }
    CHECK_INT(luaserve_response_status(r, 100), -1);
    CHECK_INT(luaserve_response_header(r, "X-A", "1"), 0);
    CHECK_INT(luaserve_response_header(r, "X-A", "2"), 0);
    CHECK_INT(luaserve_response_header(r, "X-A\r\nX-B", "3"), -1);
    CHECK_INT(luaserve_response_header(r, "X-B", "3\r\nX-C: 4"), -1);
    CHECK_INT(luaserve_response_header(r, "Content-Length", "3"), -1);
    CHECK_INT(luaserve_response_header(r, "content-type", "text/x-one"), 0);
    CHECK_INT(luaserve_response_header(r, "Content-Type", "text/x-two"), 0);
    return write_text(r, unit_failed_checks == 0 ? "well" : "not well");
}

static void answers_of_all_kinds(const char *mode)
{
    snprintf(script_path, sizeof script_path, "%s/scripts/a.lua", hosting_folder);
    struct luaserve *s =
        serving("require 'luaserve':get('/r/next', function() return 'lua' end)\n", mode);
    route(s, "GET", "/r/:how", respond, NULL);
    route(s, "GET", "/s/:how", respond, NULL);
    host_start(s, 0);
    CHECK_INT(host_get(s, "/r/nothing"), 200);
    CHECK(strcmp(answer_body(), "") == 0);
    CHECK_INT(host_get(s, "/r/teapot"), 418);
    CHECK_INT(host_get(s, "/r/gone"), 410);
    CHECK_INT(host_get(s, "/r/next"), 200);
    CHECK(strcmp(answer_body(), "lua") == 0);
    CHECK_INT(host_get(s, "/s/next"), 404);
    CHECK_INT(host_get(s, "/r/wrong"), 500);
    CHECK_INT(host_get(s, "/r/file"), 200);
    CHECK(strstr(answer_body(), "require 'luaserve'") == answer_body());
    CHECK_INT(host_ask(s, "GET", "/r/file", "Range: bytes=0-6\r\n"), 206);
    CHECK_INT(host_get(s, "/r/missing"), 404);
    CHECK_INT(host_get(s, "/r/flushed"), 201);
    CHECK(strstr(answer, "\r\nTransfer-Encoding: chunked\r\n") != NULL);
    CHECK(strcmp(answer_body(), "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n") == 0);
    CHECK_INT(host_get(s, "/r/well"), 200);
    CHECK(strcmp(answer_body(), "well") == 0);
    CHECK(strstr(answer, "\r\nX-A: 1\r\nX-A: 2\r\n") != NULL);
    CHECK(strstr(answer, "text/x-two") != NULL && strstr(answer, "text/x-one") == NULL);
    CHECK_INT(host_ask(s, "HEAD", "/r/well", ""), 200);
    CHECK(strcmp(answer_body(), "") == 0);
    host_stop(&s);
}

static void a_handler_answers_in_all_ways(void)
{
    answers_of_all_kinds("fork");
    answers_of_all_kinds("pool");
}

enum { LONG = 300000 };

static int write_much(struct luaserve_request *q, struct luaserve_response *r, void *user)
{
    char block[1000];
    (void)q, (void)user;
    memset(block, 'x', sizeof block);
    for (size_t at = 0; at < LONG; at += sizeof block)
        if (luaserve_response_write(r, block, sizeof block) < 0)
            return 0;
    return 0;
}

static void a_long_answer_goes_out_in_pieces(void)
{
    for (int i = 0; i < 2; i++) {
        size_t len = 0;
        struct luaserve *s = serving("", modes[i]);
        route(s, "GET", "/", write_much, NULL);
        host_start(s, 0);
        int fd = host_connect(s);
        host_send(fd, "GET / HTTP/1.0\r\n\r\n");
        for (ssize_t got = 1; got > 0; len += got > 0 ? (size_t)got : 0) {
            while (!host_turn(fd))
                ;
            got = read(fd, answer, sizeof answer);
        }
        CHECK(len > LONG && len < LONG + 1000);
        close(fd);
        host_stop(&s);
    }
}

/* ---- what surrounds it ---- */

static void hooks_stand_around_it(void)
{
    struct luaserve *s = serving(
        "local app = require 'luaserve'\n"
        "app:before('/r/gone', function() return 401 end)\n"
        "app:before(function(_, res) res.headers['X-Before'] = 'yes' end)\n"
        "app:after(function(_, res) res.headers['X-Status'] = tostring(res.status) end)\n"
        "app:error(418, function() return { status = 418, text = 'short and stout' } end)\n",
        "fork");
    route(s, "GET", "/r/:how", respond, NULL);
    host_start(s, 0);
    CHECK_INT(host_get(s, "/r/gone"), 401);
    CHECK_INT(host_get(s, "/r/well"), 200);
    CHECK(strstr(answer, "\r\nX-Before: yes\r\n") && strstr(answer, "\r\nX-Status: 200\r\n"));
    CHECK(strstr(answer, "text/x-two") != NULL);
    CHECK_INT(host_get(s, "/r/flushed"), 201);
    CHECK(strstr(answer, "\r\nX-Before: yes\r\n") != NULL);
    CHECK_INT(host_get(s, "/r/teapot"), 418);
    CHECK(strcmp(answer_body(), "short and stout") == 0);
    host_stop(&s);
}

static int misbehave(struct luaserve_request *q, struct luaserve_response *r, void *user)
{
    struct luaserve_slice how = luaserve_request_parameter(q, "how");
    (void)user;
    if (strncmp(how.at, "crash", how.len) == 0)
        raise(SIGSEGV);
    if (strncmp(how.at, "exit", how.len) == 0)
        exit(3);
    if (strncmp(how.at, "spin", how.len) == 0)
        for (volatile unsigned i = 0;; i++)
            ;
    return write_text(r, "well");
}

/* Whoever is connected elsewhere does not notice. */
static void a_handler_that_crashes_costs_its_client(void)
{
    struct luaserve *s = serving("", "fork");
    route(s, "GET", "/:how", misbehave, NULL);
    host_set(s, "limits.wall", "50ms");
    host_start(s, 0);
    int other = host_connect(s);
    host_send(other, "GET /well HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!host_turn(other))
        ;
    CHECK_INT(host_get(s, "/crash"), 500);
    CHECK(strstr(answer_body(), "Incident") != NULL);
    CHECK_INT(host_get(s, "/exit"), 500);
    CHECK_INT(host_get(s, "/spin"), 503);
    host_send(other, "GET /well HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(host_read(other) > 0 && strstr(answer, "well") != NULL);
    host_stop(&s);
}

static void a_pool_goes_on_after_a_crash(void)
{
    struct luaserve *s = serving("", "pool");
    route(s, "GET", "/:how", misbehave, NULL);
    host_start(s, 0);
    CHECK_INT(host_get(s, "/crash"), 500);
    CHECK_INT(host_get(s, "/well"), 200);
    host_stop(&s);
}

static void routes_stay_when_the_server_reloads(void)
{
    struct luaserve *s = serving("", "fork");
    route(s, "GET", "/:how", misbehave, NULL);
    host_start(s, 0);
    host_write("a.lua", "require 'luaserve':get('/of/lua', function() return 'lua' end)\n");
    luaserve_reload(s);
    while (host_get(s, "/of/lua") == 404)
        ;
    CHECK(strcmp(answer_body(), "lua") == 0);
    CHECK_INT(host_get(s, "/well"), 200);
    host_stop(&s);
}

/* ---- what cannot be ---- */

static void check_refused(struct luaserve *s, const char *methods, const char *pattern)
{
    struct luaserve_error error = { .code = LUASERVE_OK };
    CHECK_INT(luaserve_route(s, methods, pattern, respond, NULL, &error), -1);
    CHECK_INT(error.code, LUASERVE_USAGE);
    CHECK(strstr(error.text, pattern) != NULL);
}

static void routes_that_cannot_be_are_refused(void)
{
    struct luaserve_error error;
    struct luaserve *s = host_new("require 'luaserve':get('/a/:b', function() return '' end)\n");
    check_refused(s, "", "/x");
    check_refused(s, "get", "/x");
    check_refused(s, "GET,CONNECT", "/x");
    check_refused(s, "GET", "x");
    check_refused(s, "GET", "/:x/:x");
    CHECK_INT(luaserve_route(s, "GET", "/none", NULL, NULL, &error), -1);
    CHECK_INT(error.code, LUASERVE_USAGE);
    route(s, " GET ,, POST ", "/a/:c", respond, NULL);
    CHECK_INT(luaserve_load(s, &error), -1);
    CHECK_INT(error.code, LUASERVE_CONFIG);
    CHECK(strstr(error.text, "luaserve_route") && strstr(error.text, "a.lua:1"));
    luaserve_free(&s);
    s = host_new("");
    CHECK_INT(luaserve_load(s, NULL), 0);
    check_refused(s, "GET", "/late");
    luaserve_free(&s);
}

static const struct unit_test tests[] = {
    { "a handler reads the request", a_handler_reads_the_request },
    { "a handler answers in all ways", a_handler_answers_in_all_ways },
    { "a long answer goes out in pieces", a_long_answer_goes_out_in_pieces },
    { "hooks stand around it", hooks_stand_around_it },
    { "a handler that crashes costs its client", a_handler_that_crashes_costs_its_client },
    { "a pool goes on after a crash", a_pool_goes_on_after_a_crash },
    { "routes stay when the server reloads", routes_stay_when_the_server_reloads },
    { "routes that cannot be are refused", routes_that_cannot_be_are_refused },
};

int main(void)
{
    return host_main(tests, sizeof tests / sizeof *tests);
}
