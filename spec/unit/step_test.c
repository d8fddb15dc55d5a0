/* A server in the loop of its host: one descriptor to watch, one function to call. */
#include "hosting.h"

#include <sys/mman.h>
#include <sys/types.h>

#include "os/sys.h"

#define HELLO                                                                                      \
    "local app = require 'luaserve'\n"                                                             \
    "app:get('/', function() return 'hello' end)\n"                                                \
    "app:get('/slow', function() app.sleep '1h' end)\n"

static bool is_readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 0) == 1;
}

/* ---- the descriptor ---- */

static void the_descriptor_is_readable_when_there_is_something_to_do(void)
{
    struct luaserve *s = host_new(HELLO);
    CHECK_INT(luaserve_fd(s), -1);
    host_start(s, 0);
    int fd = luaserve_fd(s);
    CHECK(fd >= 0 && !is_readable(fd));
    CHECK_INT(luaserve_step(s, 0, NULL), 1); /* in vain */
    int client = host_connect(s);
    CHECK(is_readable(fd));
    host_send(client, "GET / HTTP/1.0\r\n\r\n");
    CHECK(host_read(client) > 0);
    CHECK(strcmp(answer_body(), "hello") == 0);
    host_stop(&s);
}

/* Nobody but the supervisor's clock closes an idle client, or ends a handler. */
static void deadlines_come_by_the_descriptor(void)
{
    struct luaserve *s = host_new(HELLO);
    host_set(s, "limits.idle_timeout", "50ms");
    host_set(s, "limits.wall", "50ms");
    host_start(s, 0);
    int idle = host_connect(s);
    CHECK_INT(host_read(idle), 0);
    CHECK_INT(host_get(s, "/slow"), 503);
    host_stop(&s);
}

static void a_schedule_runs_when_it_is_due(void)
{
    int ends[2];
    char byte;
    char script[300];
    CHECK_INT(pipe(ends), 0);
    snprintf(
        script, sizeof script,
        "local app = require 'luaserve'\n"
        "app:every('100ms', function() local f = io.open('/proc/self/fd/%d', 'w'); f:write 'x'; "
        "f:close() end)\n",
        ends[1]);
    struct luaserve *s = host_new(script);
    host_start(s, 0);
    for (int i = 0; i < 2; i++) {
        while (!host_turn(ends[0]))
            ;
        CHECK_INT(read(ends[0], &byte, 1), 1);
    }
    host_stop(&s);
    CHECK(host_is_childless());
    close(ends[0]);
    close(ends[1]);
}

/* ---- the end ---- */

static struct luaserve *to_stop;

static void stop_it(int signal)
{
    (void)signal;
    luaserve_stop(to_stop);
}

static void a_stop_between_two_steps_wakes_the_host(void)
{
    struct luaserve *s = to_stop = host_new(HELLO);
    signal(SIGUSR1, stop_it);
    host_start(s, 0);
    CHECK(!is_readable(luaserve_fd(s)));
    raise(SIGUSR1);
    CHECK(is_readable(luaserve_fd(s)));
    while (hosted[0])
        host_turn(-1);
    CHECK_INT(luaserve_step(s, 0, NULL), 0); /* and again */
    CHECK_INT(luaserve_fd(s), -1);
    CHECK_INT(luaserve_start(s, NULL), -1);
    signal(SIGUSR1, SIG_DFL);
    luaserve_free(&s);
}

static void a_server_that_is_freed_leaves_no_worker(void)
{
    for (int pool = 0; pool < 2; pool++) {
        struct luaserve *s = host_new(HELLO);
        host_set(s, "processes.mode", pool ? "pool" : "fork");
        host_start(s, 0);
        int client = host_connect(s);
        host_send(client, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK_INT(host_get(s, "/"), 200);
        hosted[0] = NULL;
        luaserve_free(&s);
        CHECK(host_is_childless());
        close(client);
    }
}

/* A copy of the server in a child of the host's is nobody's. */
static void a_child_of_the_host_has_no_server(void)
{
    int status = -1;
    struct luaserve *s = host_new(HELLO);
    host_start(s, 0);
    pid_t child = fork();
    if (child == 0) {
        bool refused = luaserve_step(s, 0, NULL) == -1;
        luaserve_stop(s);
        luaserve_free(&s);
        _exit(refused ? 0 : 1);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    CHECK_INT(host_get(s, "/"), 200);
    host_stop(&s);
}

/* ---- several ---- */

static struct luaserve *traced(const char *mode)
{
    struct luaserve *s = host_new(HELLO);
    host_set(s, "processes.mode", mode);
    host_set(s, "status", "/status");
    host_set(s, "trace", "true");
    return s;
}

/* The syscalls of the last answer's request, as its server has them. */
static void check_trace(const struct luaserve *s, bool forks)
{
    char target[100], id[17] = "";
    const char *field = strstr(answer, "X-Request-Id: ");
    CHECK(field && sscanf(field, "X-Request-Id: %16s", id) == 1);
    snprintf(target, sizeof target, "/status/trace/%s", id);
    CHECK_INT(host_get(s, target), 200);
    CHECK(strstr(answer, "\"GET / HTTP/1.1") != NULL);
    CHECK(strstr(answer, "accept4(") != NULL);
    CHECK(!forks || strstr(answer, "clone(") != NULL);
}

static void both_answer(const struct luaserve *a, const struct luaserve *b)
{
    for (int i = 0; i < 3; i++) {
        CHECK_INT(host_get(a, "/"), 200);
        CHECK_INT(host_get(b, "/"), 200);
    }
}

/* Each records its own calls, and nobody records those of the host. */
static void two_servers_in_one_loop_do_not_meet(void)
{
    const char *const modes[] = { "fork", "pool" };
    for (int i = 0; i < 4; i++) {
        struct luaserve *a = traced(modes[i & 1]), *b = traced(modes[i >> 1]);
        host_start(a, 0);
        host_start(b, 1);
        CHECK(ls_sys_gate == NULL);
        both_answer(a, b);
        check_trace(b, i >> 1 == 0);
        CHECK_INT(host_get(a, "/"), 200);
        check_trace(a, (i & 1) == 0);
        uint16_t port = luaserve_port(a);
        host_stop(&a);
        CHECK_INT(host_get(b, "/"), 200);
        CHECK(ls_sys_gate == NULL);
        struct sockaddr_in to = { .sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof to),
                  -1); /* b's workers don't hold it */
        close(fd);
        host_stop(&b);
        CHECK(host_is_childless());
    }
}

static void a_server_can_be_started_while_another_serves(void)
{
    struct luaserve *a = host_new(HELLO), *b = host_new(HELLO);
    host_start(a, 0);
    int slow = host_connect(a);
    host_send(slow, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_INT(host_get(a, "/"), 200);
    host_start(b, 1);
    both_answer(a, b);
    close(slow);
    host_stop(&b);
    CHECK_INT(host_get(a, "/"), 200);
    host_stop(&a);
}

static void a_reload_in_steps_takes_hold(void)
{
    struct luaserve *s = host_new(HELLO);
    host_start(s, 0);
    CHECK_INT(host_get(s, "/new"), 404);
    host_write("a.lua", "require 'luaserve':get('/new', function() return 'new' end)\n");
    luaserve_reload(s);
    while (host_get(s, "/new") == 404)
        ;
    CHECK(strcmp(answer_body(), "new") == 0);
    host_stop(&s);
    CHECK(host_is_childless());
}

static const struct unit_test tests[] = {
    { "the descriptor is readable when there is something to do",
      the_descriptor_is_readable_when_there_is_something_to_do },
    { "deadlines come by the descriptor", deadlines_come_by_the_descriptor },
    { "a schedule runs when it is due", a_schedule_runs_when_it_is_due },
    { "a stop between two steps wakes the host", a_stop_between_two_steps_wakes_the_host },
    { "a server that is freed leaves no worker", a_server_that_is_freed_leaves_no_worker },
    { "a child of the host has no server", a_child_of_the_host_has_no_server },
    { "two servers in one loop do not meet", two_servers_in_one_loop_do_not_meet },
    { "a server can be started while another serves",
      a_server_can_be_started_while_another_serves },
    { "a reload in steps takes hold", a_reload_in_steps_takes_hold },
};

int main(void)
{
    return host_main(tests, sizeof tests / sizeof *tests);
}
