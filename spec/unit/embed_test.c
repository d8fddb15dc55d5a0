/* A server inside a program, through luaserve.h; the gate of the stubs makes what is rare happen. */
#include "luaserve.h"

#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fds.h"
#include "os/sys.h"
#include "unit.h"

enum { DEADLINE_S = 60 };

static char folder[] = "/tmp/luaserve-embed-XXXXXX"; /* scripts, www: nothing is in it */
static struct luaserve *server;

static void set(const char *key, const char *value)
{
    struct luaserve_error error = { .code = LUASERVE_OK };
    CHECK_INT(luaserve_set(server, key, value, &error), 0);
    CHECK(strcmp(error.text, "") == 0);
}

static void make_server(void)
{
    server = luaserve_new(NULL);
    CHECK(server != NULL);
    set("port", "0");
    set("host", "127.0.0.1");
    set("www", folder);
    set("scripts", folder);
    set("log.level", "off");
}

static int descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static int connected(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* ---- before there is one ---- */

static void count_key(void *ctx, const struct luaserve_key *key)
{
    CHECK(strlen(key->name) > 0 && strlen(key->takes) > 0 && strlen(key->about) > 0);
    CHECK(key->standard != NULL);
    *(unsigned *)ctx += strcmp(key->name, "limits.wall") == 0 &&
                        strcmp(key->takes, "a duration from 10ms to 24h") == 0 &&
                        strcmp(key->standard, "30s") == 0;
}

static void keys_are_told_with_what_they_take(void)
{
    unsigned found = 0;
    CHECK_INT(luaserve_keys(count_key, &found), 0);
    CHECK_INT(found, 1);
}

/* ---- life ---- */

static void a_server_that_never_ran_leaves_nothing_behind(void)
{
    int before = descriptors();
    for (int i = 0; i < 3; i++) {
        make_server();
        if (i > 0)
            CHECK_INT(luaserve_listen(server, NULL), 0);
        luaserve_free(&server);
        CHECK(server == NULL);
    }
    CHECK_INT(descriptors(), before);
    luaserve_free(&server);
}

static void a_key_that_is_not_there_is_named_and_changes_nothing(void)
{
    struct luaserve_error error;
    make_server();
    CHECK_INT(luaserve_set(server, "prot", "3000", &error), -1);
    CHECK_INT(error.code, LUASERVE_CONFIG);
    CHECK(strstr(error.text, "prot") != NULL);
    CHECK_INT(luaserve_set(server, "port", "65536", &error), -1);
    CHECK(strstr(error.text, "port") != NULL);
    CHECK_INT(luaserve_step(server, 0, &error), -1);
    CHECK_INT(error.code, LUASERVE_USAGE);
    CHECK_INT(luaserve_listen(server, &error), 0);
    CHECK(luaserve_port(server) > 0);
    luaserve_free(&server);
}

static void two_servers_live_side_by_side(void)
{
    make_server();
    struct luaserve *first = server;
    CHECK_INT(luaserve_listen(first, NULL), 0);
    make_server();
    CHECK_INT(luaserve_listen(server, NULL), 0);
    CHECK(luaserve_port(server) != luaserve_port(first));
    luaserve_free(&first);
    luaserve_free(&server);
}

/* ---- a run ---- */

static void on_child(int signal)
{
    (void)signal;
}

static void a_run_gives_signals_and_descriptors_back(void)
{
    struct sigaction mine = { .sa_handler = on_child }, after, was;
    sigset_t mask, mask_after;
    int before = descriptors();
    sigaction(SIGCHLD, &mine, &was);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    make_server();
    CHECK_INT(luaserve_listen(server, NULL), 0);
    luaserve_stop(server);
    CHECK_INT(luaserve_run(server, NULL), 0);
    luaserve_free(&server);
    CHECK_INT(descriptors(), before);
    sigprocmask(SIG_BLOCK, NULL, &mask_after);
    CHECK(memcmp(&mask, &mask_after, 8) == 0);
    sigaction(SIGCHLD, &was, &after);
    CHECK(after.sa_handler == on_child);
}

static void stop_server(int signal)
{
    (void)signal;
    luaserve_stop(server);
}

/* A signal between the supervisor's look at what it was told and its wait. */
static long signal_before_wait(struct ls_sys_gate *gate, long nr, const long args[6])
{
    static int waits;
    (void)gate;
    if (nr == SYS_epoll_pwait && ++waits == 1)
        kill(getpid(), SIGUSR1);
    return ls_sys_raw(nr, args);
}

static void a_stop_just_before_the_wait_is_not_lost(void)
{
    struct ls_sys_gate gate = { .pass = signal_before_wait };
    make_server();
    CHECK_INT(luaserve_listen(server, NULL), 0);
    signal(SIGUSR1, stop_server);
    ls_sys_gate = &gate;
    CHECK_INT(luaserve_run(server, NULL), 0); /* or the alarm ends the test */
    ls_sys_gate = NULL;
    signal(SIGUSR1, SIG_DFL);
    luaserve_free(&server);
}

/* Workers that never get as far as to have descriptors of their own. */
static long stop_new_workers(struct ls_sys_gate *gate, long nr, const long args[6])
{
    static pid_t supervisor;
    (void)gate;
    if (!supervisor)
        supervisor = getpid();
    if (nr == SYS_close_range && (pid_t)syscall(SYS_getpid) != supervisor)
        raise(SIGSTOP);
    return ls_sys_raw(nr, args);
}

/* Says into `verdict` how the answer to the client that is one too many begins. */
static void clients_of_a_stuck_server(uint16_t port, int verdict)
{
    char answer[12] = "";
    for (int i = 0; i < LS_FDS_RING; i++)
        connected(port);
    if (read(connected(port), answer, sizeof answer) < 0 ||
        write(verdict, answer, sizeof answer) < 0)
        _exit(1);
    kill(getppid(), SIGUSR1);
    _exit(0);
}

static void a_client_is_turned_away_while_no_worker_gets_on(void)
{
    struct ls_sys_gate gate = { .pass = stop_new_workers };
    char answer[12] = "";
    int verdict[2];
    CHECK_INT(pipe(verdict), 0);
    make_server();
    set("limits.drain_timeout", "0");
    CHECK_INT(luaserve_listen(server, NULL), 0);
    signal(SIGUSR1, stop_server);
    fflush(NULL);
    pid_t clients = fork();
    if (clients == 0)
        clients_of_a_stuck_server(luaserve_port(server), verdict[1]);
    close(verdict[1]);
    ls_sys_gate = &gate;
    CHECK_INT(luaserve_run(server, NULL), 0);
    ls_sys_gate = NULL;
    CHECK_INT(waitpid(clients, NULL, 0), clients); /* whom it has not reaped */
    signal(SIGUSR1, SIG_DFL);
    luaserve_free(&server);
    CHECK_INT(read(verdict[0], answer, sizeof answer), sizeof answer);
    CHECK(memcmp(answer, "HTTP/1.1 503", sizeof answer) == 0);
    close(verdict[0]);
}

static const struct unit_test tests[] = {
    { "a server that never ran leaves nothing behind",
      a_server_that_never_ran_leaves_nothing_behind },
    { "keys are told with what they take", keys_are_told_with_what_they_take },
    { "a key that is not there is named, and changes nothing",
      a_key_that_is_not_there_is_named_and_changes_nothing },
    { "two servers live side by side", two_servers_live_side_by_side },
    { "a run gives signals and descriptors back", a_run_gives_signals_and_descriptors_back },
    { "a stop just before the wait is not lost", a_stop_just_before_the_wait_is_not_lost },
    { "a client is turned away while no worker gets on",
      a_client_is_turned_away_while_no_worker_gets_on },
};

/* Valgrind knows neither CLONE_FILES alone nor openat2. */
int main(void)
{
    if (getenv("VALGRIND")) {
        puts("0 passed, 0 failed (not under valgrind)");
        return 0;
    }
    alarm(DEADLINE_S);
    if (!mkdtemp(folder))
        return 1;
    int failed = unit_main(tests, sizeof tests / sizeof *tests);
    rmdir(folder);
    return failed;
}
