/* null_epoll: the least that an event-driven HTTP server can do, as the benchmark's yardstick.
 *
 *     null_epoll PORT keep|close [PROCESSES]     listens on 127.0.0.1:PORT
 *
 * So many processes (2) share a listener, each with an epoll set of its own. Whatever is read is
 * answered by the same 200, byte for byte that of null.asm; with "close" the client is closed
 * behind it. Nothing is parsed. The processes end with the first one. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "os/sys.h"

enum {
    BACKLOG = 4096,
    EVENTS = 512, /* that are taken from the kernel at once */
    ROOM = 8192,  /* bytes of a request that are read at once */
    MAX_PORT = 65535,
    MAX_PROCESSES = 64,
    EX_USAGE = 64,
    EX_UNAVAILABLE = 69,
    EX_OSERR = 71,
};

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\n"                                                                          \
    "Content-Type: text/html\r\n"                                                                  \
    "Content-Length: 22\r\n"
#define BODY "<h1>Hello, World!</h1>"

static const char keep_alive[] = HEAD "\r\n" BODY;
static const char closing[] = HEAD "Connection: close\r\n\r\n" BODY;

struct server {
    int listener, epoll;
    bool close;
    const char *answer;
    size_t len;
};

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = ls_htons(port) };
    const int one = 1;
    int listener = ls_sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), status;
    if (listener < 0)
        return listener;
    memcpy(&address.sin_addr, (const unsigned char[]) { 127, 0, 0, 1 }, 4);
    if ((status = ls_sys_setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)) < 0 ||
        (status = ls_sys_bind(listener, (struct sockaddr *)&address, sizeof address)) < 0 ||
        (status = ls_sys_listen(listener, BACKLOG)) < 0)
        return status;
    return listener;
}

static int watch(const struct server *server, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    return ls_sys_epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* One client only: more would take from the other processes what they were woken for. */
static void accept_client(const struct server *server)
{
    int client = ls_sys_accept4(server->listener, NULL, NULL, SOCK_NONBLOCK);
    if (client >= 0 && watch(server, client, EPOLLIN) < 0)
        ls_sys_close(client);
}

/* The answer is far smaller than a socket's buffer: it goes out whole, or the client is gone. */
static void answer(const struct server *server, int client)
{
    static char request[ROOM];
    long len = ls_sys_read(client, request, sizeof request);
    if (len == -EAGAIN)
        return;
    if (len > 0)
        len = ls_sys_sendto(client, server->answer, server->len, MSG_NOSIGNAL, NULL, 0);
    if (len <= 0 || server->close)
        ls_sys_close(client);
}

static int serve(struct server *server)
{
    struct epoll_event events[EVENTS];
    server->epoll = ls_sys_epoll_create1(0);
    if (server->epoll < 0 || watch(server, server->listener, EPOLLIN | EPOLLEXCLUSIVE) < 0)
        return EX_OSERR;
    for (;;) {
        int count = ls_sys_epoll_pwait(server->epoll, events, EVENTS, -1, NULL);
        if (count < 0 && count != -EINTR)
            return EX_OSERR;
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == server->listener)
                accept_client(server);
            else
                answer(server, events[i].data.fd);
    }
}

/* 1 to `most`, or 0. */
static unsigned number(const char *text, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    return *end || value > most ? 0 : (unsigned)value;
}

int main(int argc, char **argv)
{
    struct server server = { .answer = keep_alive, .len = sizeof keep_alive - 1 };
    unsigned port, processes = 2;
    if (argc < 3 || argc > 4 || !(port = number(argv[1], MAX_PORT)) ||
        (argc == 4 && !(processes = number(argv[3], MAX_PROCESSES))))
        return EX_USAGE;
    if (strcmp(argv[2], "close") == 0) {
        server.close = true;
        server.answer = closing;
        server.len = sizeof closing - 1;
    } else if (strcmp(argv[2], "keep") != 0) {
        return EX_USAGE;
    }
    server.listener = listen_on((uint16_t)port);
    if (server.listener < 0)
        return EX_UNAVAILABLE;
    while (--processes > 0) {
        int pid = ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0);
        if (pid < 0)
            return EX_OSERR;
        if (pid == 0) {
            ls_sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            break;
        }
    }
    return serve(&server);
}
