/* A program with servers in it: whoever waits for an answer steps them meanwhile. */
#ifndef HOSTING_H
#define HOSTING_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "luaserve.h"
#include "unit.h"

enum { HOSTED = 4, HOSTING_S = 100 };

static struct luaserve *hosted[HOSTED]; /* those that are stepped; NULL: none */
static char hosting_folder[] = "/tmp/luaserve-host-XXXXXX";
static char answer[64 << 10]; /* the last one, head and all */

static inline void host_set(struct luaserve *s, const char *key, const char *value)
{
    struct luaserve_error error = { .code = LUASERVE_OK };
    CHECK_INT(luaserve_set(s, key, value, &error), 0);
    CHECK(strcmp(error.text, "") == 0);
}

static inline void host_write(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/scripts/%s", hosting_folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* A server on 127.0.0.1 and any port, with that script alone. */
static inline struct luaserve *host_new(const char *script)
{
    char path[200];
    struct luaserve *s = luaserve_new(NULL);
    CHECK(s != NULL);
    host_write("a.lua", script);
    snprintf(path, sizeof path, "%s/scripts", hosting_folder);
    host_set(s, "host", "127.0.0.1");
    host_set(s, "port", "0");
    host_set(s, "scripts", path);
    host_set(s, "log.level", "off");
    return s;
}

static inline void host_start(struct luaserve *s, int place)
{
    struct luaserve_error error = { .code = LUASERVE_OK };
    CHECK_INT(luaserve_start(s, &error), 0);
    if (error.code != LUASERVE_OK)
        fprintf(stderr, "%s\n", error.text);
    hosted[place] = s;
}

/* Waits until one of the servers has something to do, which is done, or `fd` is readable: true. */
static inline bool host_turn(int fd)
{
    struct pollfd all[HOSTED + 1];
    nfds_t count = 0;
    all[count++] = (struct pollfd) { .fd = fd, .events = POLLIN };
    for (int i = 0; i < HOSTED; i++)
        if (hosted[i])
            all[count++] = (struct pollfd) { .fd = luaserve_fd(hosted[i]), .events = POLLIN };
    if (poll(all, count, -1) < 0)
        return false;
    for (int i = 0; i < HOSTED; i++)
        if (hosted[i] && luaserve_step(hosted[i], 0, NULL) != 1)
            hosted[i] = NULL;
    return all[0].revents != 0;
}

static inline int host_connect(const struct luaserve *s)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(luaserve_port(s)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* All that comes, up to its end; bytes, and in `answer`. */
static inline size_t host_read(int fd)
{
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && len + 1 < sizeof answer;) {
        while (!host_turn(fd))
            ;
        got = read(fd, answer + len, sizeof answer - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    answer[len] = '\0';
    close(fd);
    return len;
}

static inline void host_send(int fd, const char *text)
{
    CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The status of a request on a connection of its own, with those lines in its head; 0: no answer came. */
static inline int host_ask(const struct luaserve *s, const char *method, const char *target,
                           const char *lines)
{
    char request[2000];
    int fd = host_connect(s), status = 0;
    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method, target,
             lines);
    host_send(fd, request);
    host_read(fd);
    sscanf(answer, "HTTP/1.1 %d", &status);
    return status;
}

static inline int host_get(const struct luaserve *s, const char *target)
{
    return host_ask(s, "GET", target, "");
}

static inline const char *answer_body(void)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "";
}

static inline void host_stop(struct luaserve **s)
{
    luaserve_stop(*s);
    for (int more = 1; more > 0;)
        more = luaserve_step(*s, -1, NULL);
    for (int i = 0; i < HOSTED; i++)
        if (hosted[i] == *s)
            hosted[i] = NULL;
    luaserve_free(s);
}

/* No child of this process is left, whoever made it. */
static inline bool host_is_childless(void)
{
    return waitpid(-1, NULL, WNOHANG | (int)__WALL) == -1 && errno == ECHILD;
}

/* Valgrind knows neither CLONE_FILES alone nor openat2. */
static inline int host_main(const struct unit_test *tests, size_t count)
{
    char scripts[200];
    if (getenv("VALGRIND")) {
        puts("0 passed, 0 failed (not under valgrind)");
        return 0;
    }
    alarm(HOSTING_S);
    if (!mkdtemp(hosting_folder))
        return 1;
    snprintf(scripts, sizeof scripts, "%s/scripts", hosting_folder);
    mkdir(scripts, 0700);
    if (chdir(hosting_folder) < 0) /* no www is here */
        return 1;
    int failed = unit_main(tests, count);
    snprintf(scripts, sizeof scripts, "rm -r %s", hosting_folder);
    return system(scripts) == 0 ? failed : 1;
}

#endif
