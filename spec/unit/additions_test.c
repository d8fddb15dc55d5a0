/* What a host adds to its server beside routes: configuration and sockets, what is done to Lua states, who is
 * told of the log and of ends. */
#include "hosting.h"

#include <lauxlib.h>
#include <lua.h>
#include <sys/mman.h>

/* ---- Lua states, the log, ends ---- */

static int states;

static void prepare(lua_State *L, void *user)
{
    states++;
    lua_pushstring(L, user);
    lua_setglobal(L, "from_host");
}

static void prepare_badly(lua_State *L, void *user)
{
    (void)user;
    luaL_error(L, "the host is not well");
}

static void a_host_prepares_every_state(void)
{
    struct luaserve_error error;
    struct luaserve *s = host_new("local text = from_host .. '!'\n"
                                  "require 'luaserve':get('/', function() return text end)\n");
    states = 0;
    luaserve_on_state(s, prepare, "hello");
    host_start(s, 0);
    CHECK_INT(states, 1);
    CHECK_INT(host_get(s, "/"), 200);
    CHECK(strcmp(answer_body(), "hello!") == 0);
    luaserve_reload(s);
    while (states == 1)
        host_turn(-1);
    CHECK_INT(host_get(s, "/"), 200);
    CHECK(strcmp(answer_body(), "hello!") == 0);
    host_stop(&s);
    s = host_new("");
    luaserve_on_state(s, prepare_badly, NULL);
    CHECK_INT(luaserve_load(s, &error), -1);
    CHECK_INT(error.code, LUASERVE_CONFIG);
    CHECK(strstr(error.text, "the host is not well") != NULL);
    luaserve_free(&s);
}

struct lines {
    _Atomic int of_host, of_workers, whole;
    pid_t host;
};

static void count_line(void *user, const char *line, size_t len)
{
    struct lines *lines = user;
    lines->whole += len > 0 && line[len - 1] == '\n' && !memchr(line, '\n', len - 1);
    if (getpid() == lines->host)
        lines->of_host++;
    else
        lines->of_workers++;
}

static void lines_of_the_log_come_where_they_are_said(void)
{
    struct lines *lines =
        mmap(NULL, sizeof *lines, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct luaserve *s = host_new("local app = require 'luaserve'\n"
                                  "app:get('/', function() app.log.info 'here' return '' end)\n");
    lines->host = getpid();
    host_set(s, "log.level", "info");
    host_set(s, "log.file", "/nowhere/at/all"); /* which is not opened */
    luaserve_on_log(s, count_line, lines);
    host_start(s, 0);
    int before = lines->of_host;
    CHECK_INT(host_get(s, "/"), 200);
    CHECK_INT(lines->of_workers, 1);
    host_stop(&s);
    CHECK_INT(lines->of_host, before + 1); /* that it stops */
    CHECK_INT(lines->whole, lines->of_host + lines->of_workers);
    munmap(lines, sizeof *lines);
}

static struct luaserve_ended last;
static int ends[3];

static void note_end(void *user, const struct luaserve_ended *ended)
{
    CHECK(user == ends && ended->size == sizeof *ended);
    last = *ended;
    ends[ended->kind]++;
}

static int crash(struct luaserve_request *q, struct luaserve_response *r, void *user)
{
    (void)q, (void)r, (void)user;
    return raise(SIGSEGV);
}

static void the_host_is_told_of_ends(void)
{
    for (int pool = 0; pool < 2; pool++) {
        struct luaserve *s = host_new("");
        host_set(s, "processes.mode", pool ? "pool" : "fork");
        memset(ends, 0, sizeof ends);
        luaserve_on_ended(s, note_end, ends);
        CHECK_INT(luaserve_route(s, "GET", "/crash", crash, NULL, NULL), 0);
        host_start(s, 0);
        CHECK_INT(host_get(s, "/crash"), 500);
        while (ends[LUASERVE_WORKER] == 0)
            host_turn(-1);
        CHECK(last.pid > 0 && WIFSIGNALED(last.status) && WTERMSIG(last.status) == SIGSEGV);
        CHECK(last.peak_bytes > 0);
        luaserve_reload(s);
        while (ends[LUASERVE_LOADER] == 0)
            host_turn(-1);
        CHECK_INT(last.status, 0);
        host_stop(&s);
    }
}

/* ---- configuration ---- */

static void a_text_is_a_configuration(void)
{
    struct luaserve_error error;
    struct luaserve *s = luaserve_new(NULL);
    host_write("a.lua", "require 'luaserve':get('/', function() return 'text' end)\n");
    CHECK_INT(luaserve_config_text(s,
                                   "return { host = '127.0.0.1', port = 0, scripts = 'scripts', "
                                   "log = { level = 'off' } }",
                                   "built in", hosting_folder, &error),
              0);
    host_start(s, 0);
    CHECK_INT(host_get(s, "/"), 200);
    luaserve_reload(s);
    CHECK_INT(host_get(s, "/"), 200);
    host_stop(&s);
    s = luaserve_new(NULL);
    CHECK_INT(luaserve_config_text(s, "return { prot = 0 }", "built in", NULL, &error), -1);
    CHECK_INT(error.code, LUASERVE_CONFIG);
    CHECK(strstr(error.text, "built in") && strstr(error.text, "prot"));
    CHECK_INT(luaserve_config_text(s, "return {", "built in", NULL, &error), -1);
    CHECK(strstr(error.text, "built in:1") != NULL);
    luaserve_free(&s);
}

static int listening(uint16_t *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(fd, 10), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void sockets_of_the_host_are_listened_on(void)
{
    struct luaserve_error error;
    uint16_t first, second;
    int one = listening(&first), two = listening(&second), kept = dup(two);
    struct luaserve *s = host_new("require 'luaserve':get('/', function() return '' end)\n");
    CHECK_INT(luaserve_adopt(s, 0, &error), -1);
    CHECK_INT(error.code, LUASERVE_UNAVAILABLE);
    CHECK_INT(luaserve_adopt(s, one, &error), 0);
    CHECK_INT(luaserve_adopt(s, two, &error), 0);
    host_start(s, 0);
    CHECK_INT(luaserve_port(s), first);
    CHECK(luaserve_address(s, 1) && !luaserve_address(s, 2));
    CHECK_INT(luaserve_adopt(s, one, &error), -1);
    CHECK_INT(error.code, LUASERVE_USAGE);
    CHECK_INT(host_get(s, "/"), 200);
    luaserve_reload(s);
    CHECK_INT(host_get(s, "/"), 200);
    host_stop(&s);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(second),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof to), 0); /* who holds it can go on */
    close(fd);
    close(kept);
}

static const struct unit_test tests[] = {
    { "a host prepares every state", a_host_prepares_every_state },
    { "lines of the log come where they are said", lines_of_the_log_come_where_they_are_said },
    { "the host is told of ends", the_host_is_told_of_ends },
    { "a text is a configuration", a_text_is_a_configuration },
    { "sockets of the host are listened on", sockets_of_the_host_are_listened_on },
};

int main(void)
{
    return host_main(tests, sizeof tests / sizeof *tests);
}
