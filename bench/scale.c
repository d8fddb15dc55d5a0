/* scale: many clients at once, most of them idle. The load generator of bench/scale.sh.
 *
 *     scale PORT CLIENTS ACTIVE RATE SECONDS [AT_ONCE]      of a server on 127.0.0.1:PORT
 *
 * Each of CLIENTS connects, asks for /hello once and stays; AT_ONCE (64) of them at most are without
 * an answer at a time. Then ACTIVE of them, spread evenly, ask in turns, RATE requests a second all
 * together for SECONDS, on a schedule that does not wait for the server: latency counts from when a
 * request was due. At last all of them ask once more. After each part a line says how it went, and
 * a line is read from stdin before the next one. Source addresses are 127.0.0.2 and on, each for
 * so many clients. 0: all were answered right. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    PER_ADDRESS = 10000, /* clients; there are 28,000 ports for one */
    MAX_CLIENTS = 100000,
    MAX_RATE = 100000,
    MAX_SECONDS = 3600,
    AT_ONCE = 64,
    EVENTS = 256,
    ROOM = 512,          /* bytes of an answer */
    PATIENCE = 60000000, /* µs without any answer */
    EX_USAGE = 64,
    EX_OSERR = 71,
};

#define REQUEST "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define STATUS  "HTTP/1.1 200 "
#define BODY    "<h1>Hello, World!</h1>"

struct client {
    int fd; /* -1: none, or lost */
    uint32_t len;
    uint64_t due; /* µs; 0: it waits for no answer */
    char got[ROOM];
};

struct load {
    struct client *clients;
    uint32_t count, active, rate, seconds, at_once;
    uint16_t port;
    int epoll;
    uint32_t waiting;       /* for an answer */
    uint32_t right, failed; /* of this part */
    uint32_t *latencies;    /* µs of the right ones */
};

static void die(const char *what)
{
    fprintf(stderr, "scale: %s: %s\n", what, strerror(errno));
    exit(EX_OSERR);
}

/* ---- a client ---- */

static void lose(struct load *l, struct client *c)
{
    close(c->fd);
    c->fd = -1;
    if (c->due > 0)
        l->waiting--;
    c->due = 0;
    l->failed++;
}

static void ask(struct load *l, struct client *c, uint64_t due)
{
    c->due = due;
    c->len = 0;
    l->waiting++;
    if (send(c->fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) != sizeof REQUEST - 1)
        lose(l, c);
}

static bool is_whole(const struct client *c)
{
    const size_t tail = sizeof BODY - 1;
    return c->len > tail && memcmp(c->got + c->len - tail, BODY, tail) == 0;
}

static void take(struct load *l, struct client *c)
{
    ssize_t got = recv(c->fd, c->got + c->len, ROOM - c->len, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || c->due == 0) { /* it left; or says something that nobody asked for */
        lose(l, c);
        return;
    }
    c->len += (uint32_t)got;
    if (!is_whole(c))
        return;
    if (memcmp(c->got, STATUS, sizeof STATUS - 1) != 0) {
        lose(l, c);
        return;
    }
    l->latencies[l->right++] = (uint32_t)(ls_clock_us() - c->due);
    c->due = 0;
    l->waiting--;
}

/* Whether anything came within `ms`. */
static bool take_some(struct load *l, int ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(l->epoll, events, EVENTS, ms);
    if (count < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < count; i++)
        if (l->clients[events[i].data.u32].fd >= 0)
            take(l, &l->clients[events[i].data.u32]);
    return count > 0;
}

/* Until not more than `most` wait; those who wait in vain are lost. */
static void take_until(struct load *l, uint32_t most)
{
    while (l->waiting > most)
        if (!take_some(l, PATIENCE / 1000))
            for (uint32_t i = 0; i < l->count; i++)
                if (l->clients[i].fd >= 0 && l->clients[i].due > 0)
                    lose(l, &l->clients[i]);
}

static bool connect_from(int fd, uint32_t source, uint16_t port)
{
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(source) };
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(port) };
    const int one = 1; /* the port is chosen at connect, by source and destination */
    return setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) == 0 &&
           bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
           connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
}

static void open_client(struct load *l, uint32_t index)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = index };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || !connect_from(fd, INADDR_LOOPBACK + 1 + index / PER_ADDRESS, l->port) ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("cannot connect");
    l->clients[index].fd = fd;
}

/* ---- the parts ---- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t quantile(const struct load *l, double q)
{
    return l->right ? l->latencies[(uint32_t)(q * (l->right - 1))] : 0;
}

static void report(struct load *l, const char *part, uint64_t since)
{
    qsort(l->latencies, l->right, sizeof *l->latencies, compare);
    printf("%s\t%u\t%u\t%.2f\t%u\t%u\t%u\n", part, l->right, l->failed,
           (double)(ls_clock_us() - since) / 1e6, quantile(l, 0.5), quantile(l, 0.99),
           quantile(l, 1));
    fflush(stdout);
}

static void await_go(void)
{
    char line[8];
    if (!fgets(line, sizeof line, stdin))
        exit(EX_USAGE);
}

static void all_ask(struct load *l, bool first)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (first)
            open_client(l, i);
        if (l->clients[i].fd >= 0)
            ask(l, &l->clients[i], ls_clock_us());
        take_until(l, l->at_once - 1);
    }
    take_until(l, 0);
}

static void some_ask(struct load *l)
{
    uint64_t begin = ls_clock_us();
    for (uint64_t i = 0; i < (uint64_t)l->rate * l->seconds; i++) {
        struct client *c = &l->clients[i % l->active * l->count / l->active];
        uint64_t due = begin + i * 1000000 / l->rate;
        for (uint64_t now; (now = ls_clock_us()) < due;)
            take_some(l, (int)((due - now) / 1000));
        while (c->fd >= 0 &&
               c->due > 0) /* it still waits: what is late counts from when it was due */
            take_some(l, 1000);
        if (c->fd >= 0)
            ask(l, c, due);
    }
    take_until(l, 0);
}

static bool run(struct load *l)
{
    static const char *const parts[] = { "connected", "active", "all" };
    uint32_t failed = 0;
    for (int part = 0; part < 3; part++) {
        uint64_t since = ls_clock_us();
        l->right = l->failed = 0;
        if (part == 1)
            some_ask(l);
        else
            all_ask(l, part == 0);
        report(l, parts[part], since);
        failed += l->failed;
        await_go();
    }
    return failed == 0;
}

/* ---- the command line ---- */

/* 1 to `most`; or it is not for us. */
static uint32_t number(const char *text, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value == 0 || value > most) {
        fprintf(stderr, "scale: \"%s\" is not a number from 1 to %lu\n", text, most);
        exit(EX_USAGE);
    }
    return (uint32_t)value;
}

static void prepare(struct load *l)
{
    struct rlimit limit;
    uint64_t answers = (uint64_t)l->rate * l->seconds;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    l->clients = calloc(l->count, sizeof *l->clients);
    l->latencies = calloc(answers > l->count ? answers : l->count, sizeof *l->latencies);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!l->clients || !l->latencies || l->epoll < 0)
        die("cannot begin");
    for (uint32_t i = 0; i < l->count; i++)
        l->clients[i].fd = -1;
}

int main(int argc, char **argv)
{
    struct load l = { .at_once = AT_ONCE };
    if (argc < 6 || argc > 7) {
        fprintf(stderr, "usage: scale PORT CLIENTS ACTIVE RATE SECONDS [AT_ONCE]\n");
        return EX_USAGE;
    }
    l.port = (uint16_t)number(argv[1], UINT16_MAX);
    l.count = number(argv[2], MAX_CLIENTS);
    l.active = number(argv[3], l.count);
    l.rate = number(argv[4], MAX_RATE);
    l.seconds = number(argv[5], MAX_SECONDS);
    if (argc == 7)
        l.at_once = number(argv[6], l.count);
    prepare(&l);
    return run(&l) ? 0 : 1;
}
