/* A program with a loop of its own that also serves: it counts the lines of its input, and shows how many
 * there were at http://127.0.0.1:PORT/. At the end of its input it stops.
 *
 *     cc -o loop loop.c $(pkg-config --cflags --libs luaserve) && ./loop 3000 */
#include <errno.h>
#include <luaserve.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Workers are copies of this program: what both are to see lies in memory that they share. */
struct counter {
    atomic_long lines;
};

static int show(struct luaserve_request *request, struct luaserve_response *response, void *user)
{
    const struct counter *counter = user;
    char text[64];
    (void)request;
    int len = snprintf(text, sizeof text, "%ld\n", atomic_load(&counter->lines));
    luaserve_response_header(response, "Content-Type", "text/plain");
    return luaserve_response_write(response, text, (size_t)len);
}

/* 0 at the end of the input. */
static int count(struct counter *counter)
{
    char block[4096];
    ssize_t got = read(STDIN_FILENO, block, sizeof block);
    for (ssize_t i = 0; i < got; i++)
        if (block[i] == '\n')
            printf("line %ld\n", atomic_fetch_add(&counter->lines, 1) + 1);
    return got > 0;
}

/* Waits for the input and for the server, and does what there is to do. */
static int loop(struct luaserve *server, struct counter *counter, struct luaserve_error *error)
{
    struct pollfd on[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                           { .fd = luaserve_fd(server), .events = POLLIN } };
    int more = 1;
    while (more > 0) {
        if (poll(on, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (on[0].revents && !count(counter)) {
            on[0].fd = -1; /* poll leaves it out */
            luaserve_stop(server);
        }
        if (on[1].revents)
            more = luaserve_step(server, 0, error);
    }
    return more;
}

static int begin(struct luaserve *server, struct counter *counter, const char *port,
                 struct luaserve_error *error)
{
    if (luaserve_set(server, "host", "127.0.0.1", error) < 0 ||
        luaserve_set(server, "port", port, error) < 0 ||
        luaserve_route(server, "GET", "/", show, counter, error) < 0)
        return -1;
    return luaserve_start(server, error);
}

int main(int argc, char **argv)
{
    struct luaserve_error error = { .code = LUASERVE_OK };
    struct luaserve *server = luaserve_new(&error);
    struct counter *counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counter == MAP_FAILED)
        return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (server && begin(server, counter, argc > 1 ? argv[1] : "3000", &error) == 0) {
        printf("%s\n", luaserve_address(server, 0));
        loop(server, counter, &error);
    }
    luaserve_free(&server);
    if (error.code != LUASERVE_OK)
        fprintf(stderr, "loop: %s\n", error.text);
    return (int)error.code;
}
