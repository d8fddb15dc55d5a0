/* The program around a server is not disturbed: its signals, its children, its output stay its own. */
#include "hosting.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PID                                                                                        \
    "local app = require 'luaserve'\n"                                                             \
    "app:get('/pid', function() return tostring((io.open '/proc/self/stat'):read 'n') end)\n"      \
    "app:get('/die', function() os.execute('kill -9 $PPID') end)\n"                                \
    "app:get('/signals', function() return (io.open '/proc/self/status'):read 'a' end)\n"

static volatile sig_atomic_t children_seen;

static void on_child(int signal)
{
    (void)signal;
    children_seen++;
}

/* ---- children ---- */

static void serve_and_see_no_child(const char *mode)
{
    struct sigaction mine = { .sa_handler = on_child }, was;
    struct luaserve *s = host_new(PID);
    children_seen = 0;
    sigaction(SIGCHLD, &mine, &was);
    host_set(s, "processes.mode", mode);
    host_start(s, 0);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(host_get(s, "/pid"), 200);
        CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    }
    if (strcmp(mode, "fork") == 0)
        CHECK_INT(host_get(s, "/die"), 500);
    CHECK_INT(host_get(s, "/pid"), 200);
    luaserve_reload(s);
    CHECK_INT(host_get(s, "/pid"), 200);
    host_stop(&s);
    CHECK_INT(children_seen, 0);
    CHECK(host_is_childless());
    sigaction(SIGCHLD, &was, NULL);
}

static void the_host_sees_no_child_of_a_server(void)
{
    serve_and_see_no_child("fork");
    serve_and_see_no_child("pool");
}

static void the_hosts_children_are_its_own(void)
{
    int status = 0;
    struct luaserve *s = host_new(PID);
    host_start(s, 0);
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    CHECK_INT(host_get(s, "/pid"), 200);
    CHECK_INT(host_get(s, "/die"), 500);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(WEXITSTATUS(status), 7);
    host_stop(&s);
    CHECK(host_is_childless());
}

/* They are the supervisor's children, though a worker makes them. */
static void second_processes_are_reaped_too(void)
{
    struct luaserve *s = host_new("local app = require 'luaserve'\n"
                                  "app:tcp('127.0.0.1:0', function(conn)\n"
                                  "  conn:duplex(function(c) for l in c:lines() do end end,\n"
                                  "    function(c) c:write 'hello' end)\n"
                                  "end)\n");
    host_start(s, 0);
    for (int i = 0; i < 3; i++) {
        unsigned port = 0;
        sscanf(luaserve_address(s, 1), "tcp://127.0.0.1:%u", &port);
        struct sockaddr_in to = { .sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        shutdown(fd, SHUT_WR);
        host_read(fd);
        CHECK(strcmp(answer, "hello") == 0);
    }
    host_stop(&s);
    CHECK(host_is_childless());
}

/* ---- signals ---- */

struct state {
    struct sigaction actions[65];
    sigset_t mask;
};

static void look_at_signals(struct state *state)
{
    memset(state, 0, sizeof *state);
    for (int i = 1; i <= 64; i++)
        sigaction(i, NULL, &state->actions[i]);
    sigprocmask(SIG_BLOCK, NULL, &state->mask);
}

static bool is_unchanged(const struct state *before)
{
    struct state now;
    look_at_signals(&now);
    for (int i = 1; i <= 64; i++)
        if (now.actions[i].sa_handler != before->actions[i].sa_handler ||
            now.actions[i].sa_flags != before->actions[i].sa_flags)
            return false;
    return memcmp(&now.mask, &before->mask, 8) == 0;
}

static void signals_stay_as_the_host_has_them(void)
{
    struct state before;
    sigset_t some;
    struct luaserve *s = host_new(PID);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigprocmask(SIG_BLOCK, &some, NULL);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    look_at_signals(&before);
    host_start(s, 0);
    CHECK(is_unchanged(&before));
    CHECK_INT(host_get(s, "/pid"), 200);
    CHECK_INT(host_get(s, "/die"), 500);
    CHECK(is_unchanged(&before));
    host_stop(&s);
    CHECK(is_unchanged(&before));
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &some, NULL);
}

static void workers_have_none_of_the_hosts_handlers(void)
{
    unsigned long long caught = ~0ull, blocked = ~0ull;
    struct luaserve *s = host_new(PID);
    signal(SIGTERM, on_child);
    host_start(s, 0);
    signal(SIGUSR1, on_child); /* later ones neither */
    CHECK_INT(host_get(s, "/signals"), 200);
    const char *line = strstr(answer, "SigCgt:");
    CHECK(line && sscanf(line, "SigCgt: %llx", &caught) == 1);
    line = strstr(answer, "SigBlk:");
    CHECK(line && sscanf(line, "SigBlk: %llx", &blocked) == 1);
    CHECK((caught & (1ull << (SIGTERM - 1) | 1ull << (SIGUSR1 - 1))) == 0);
    CHECK(blocked == 0);
    signal(SIGTERM, SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    host_stop(&s);
}

/* Nobody reads the log: whoever writes it would die of that. */
static void a_broken_log_does_not_end_the_host(void)
{
    int ends[2], before = dup(2);
    struct luaserve *s = host_new(PID);
    CHECK_INT(pipe(ends), 0);
    host_set(s, "log.level", "debug");
    CHECK_INT(luaserve_listen(s, NULL), 0);
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    host_start(s, 0);
    int status = host_get(s, "/die");
    host_stop(&s);
    dup2(before, 2);
    close(before);
    CHECK_INT(status, 500);
}

/* ---- output ---- */

static void what_the_host_has_not_written_yet_comes_once(void)
{
    char text[100] = "";
    struct luaserve *s = host_new(PID);
    FILE *file = tmpfile();
    host_start(s, 0);
    fputs("one line", file);
    CHECK_INT(host_get(s, "/pid"), 200);
    CHECK_INT(host_get(s, "/pid"), 200);
    host_stop(&s);
    fflush(file);
    rewind(file);
    CHECK_INT(fread(text, 1, sizeof text, file), 8);
    fclose(file);
}

/* ---- threads ---- */

static void *wait_for_it(void *fd)
{
    uint64_t number;
    return read(*(int *)fd, &number, sizeof number) == sizeof number ? fd : NULL;
}

static void a_host_with_threads_is_told_to_start_servers_first(void)
{
    struct luaserve_error error;
    const uint64_t one = 1;
    int gate = eventfd(0, 0);
    pthread_t thread;
    struct luaserve *early = host_new(PID), *late = host_new(PID);
    host_start(early, 0);
    CHECK_INT(pthread_create(&thread, NULL, wait_for_it, &gate), 0);
    CHECK_INT(luaserve_start(late, &error), -1);
    CHECK_INT(error.code, LUASERVE_USAGE);
    CHECK(strstr(error.text, "2 threads") != NULL);
    CHECK_INT(host_get(early, "/pid"), 200); /* which was first */
    CHECK_INT(write(gate, &one, sizeof one), sizeof one);
    pthread_join(thread, NULL);
    luaserve_free(&late);
    host_stop(&early);
    close(gate);
}

static void *step_it(void *server)
{
    struct luaserve_error error;
    bool refused = luaserve_step(server, 0, &error) == -1 && error.code == LUASERVE_USAGE;
    return refused ? server : NULL;
}

static void only_the_thread_that_started_a_server_steps_it(void)
{
    pthread_t thread;
    void *refused = NULL;
    struct luaserve *s = host_new(PID);
    host_start(s, 0);
    CHECK_INT(pthread_create(&thread, NULL, step_it, s), 0);
    pthread_join(thread, &refused);
    CHECK(refused == s);
    host_stop(&s);
}

static atomic_int asking;

static void *ask_again_and_again(void *server)
{
    while (atomic_load(&asking))
        luaserve_reopen_log(server);
    return NULL;
}

static void other_threads_ask_while_syscalls_are_recorded(void)
{
    pthread_t thread;
    struct luaserve *s = host_new(PID);
    host_set(s, "trace", "true");
    host_start(s, 0);
    atomic_store(&asking, 1);
    CHECK_INT(pthread_create(&thread, NULL, ask_again_and_again, s), 0);
    for (int i = 0; i < 50; i++)
        CHECK_INT(host_get(s, "/pid"), 200);
    atomic_store(&asking, 0);
    pthread_join(thread, NULL);
    host_stop(&s);
}

static void *read_a_line(void *input)
{
    char line[8];
    return fgets(line, sizeof line, input);
}

/* It holds the lock of that FILE all the time. */
static void a_thread_that_reads_a_file_holds_nobody_up(void)
{
    pthread_t thread;
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    FILE *input = fdopen(ends[0], "r");
    struct luaserve *s = host_new(PID);
    host_start(s, 0);
    CHECK_INT(pthread_create(&thread, NULL, read_a_line, input), 0);
    while (ftrylockfile(input) == 0) /* until it is at it */
        funlockfile(input);
    CHECK_INT(host_get(s, "/pid"), 200);
    CHECK_INT(write(ends[1], "x\n", 2), 2);
    pthread_join(thread, NULL);
    host_stop(&s);
    fclose(input);
    close(ends[1]);
}

/* ---- a start that fails ---- */

static void a_start_that_fails_leaves_the_hosts_descriptors_alone(void)
{
#ifdef __SANITIZE_ADDRESS__
    return; /* its own memory is more than any limit */
#endif
    struct luaserve_error error;
    int kept = dup(0), memory = memfd_create("input", MFD_CLOEXEC);
    struct stat status;
    CHECK(kept > 0 && dup2(memory, 0) == 0);
    struct luaserve *s = host_new(PID);
    host_set(s, "processes.mode", "pool");
    host_set(s, "processes.max_clients", "100000");
    host_set(s, "shared.size", "64G");
    const struct rlimit little = { 1 << 30, RLIM_INFINITY };
    struct rlimit before;
    getrlimit(RLIMIT_AS, &before);
    setrlimit(RLIMIT_AS, &little); /* the memory that all share cannot be had */
    CHECK_INT(luaserve_start(s, &error), -1);
    setrlimit(RLIMIT_AS, &before);
    CHECK_INT(fstat(0, &status), 0);
    CHECK_INT(status.st_size, 0);
    luaserve_free(&s);
    dup2(kept, 0);
    close(kept);
    close(memory);
}

static const struct unit_test tests[] = {
    { "the host sees no child of a server", the_host_sees_no_child_of_a_server },
    { "the host's children are its own", the_hosts_children_are_its_own },
    { "second processes are reaped too", second_processes_are_reaped_too },
    { "signals stay as the host has them", signals_stay_as_the_host_has_them },
    { "workers have none of the host's handlers", workers_have_none_of_the_hosts_handlers },
    { "a broken log does not end the host", a_broken_log_does_not_end_the_host },
    { "what the host has not written yet comes once",
      what_the_host_has_not_written_yet_comes_once },
    { "a host with threads is told to start servers first",
      a_host_with_threads_is_told_to_start_servers_first },
    { "only the thread that started a server steps it",
      only_the_thread_that_started_a_server_steps_it },
    { "other threads ask while syscalls are recorded",
      other_threads_ask_while_syscalls_are_recorded },
    { "a thread that reads a file holds nobody up", a_thread_that_reads_a_file_holds_nobody_up },
    { "a start that fails leaves the host's descriptors alone",
      a_start_that_fails_leaves_the_hosts_descriptors_alone },
};

int main(void)
{
    return host_main(tests, sizeof tests / sizeof *tests);
}
