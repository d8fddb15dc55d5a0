/* wsload: WebSocket clients that say something and wait for its echo. The load generator for that, since wrk
 * speaks no WebSocket.
 *
 *     wsload PORT PATH CLIENTS SECONDS|once [BYTES]      of a server on 127.0.0.1:PORT
 *
 * CLIENTS connect, and each sends a masked text frame of BYTES (32), waits until the same comes back, and
 * sends the next one, for SECONDS. Each message is another one. An echo that is still on its way then is not
 * counted, but awaited, and has to be right as well. "once": one message each.
 * Prints what bench/load.lua does: "load" messages seconds bytes p50 p99 errors (latencies in µs; connecting is
 * part of the time, as with wrk). An error is a connection or a handshake that fails, a wrong echo, and one
 * that does not come within 30 s; that client says no more. 0: there was none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "wsclient.h"

enum {
    MAX_CLIENTS = 20000,
    MAX_SECONDS = 3600,
    LEAST_BYTES = 18, /* of a message: whose it is, and which */
    EVENTS = 256,
    BUCKETS = 1 << 20,   /* of latencies, of 1 µs; the last one has whatever is longer */
    PATIENCE = 30000000, /* µs without any echo */
    EX_USAGE = 64,
    EX_OSERR = 71,
};

struct client {
    struct wsclient ws;
    uint64_t since; /* µs: when it began to wait */
    uint32_t number;
    uint32_t said; /* messages */
};

struct load {
    struct client *clients;
    uint32_t count, bytes;
    bool once;
    const char *path;
    uint16_t port;
    int epoll;
    uint64_t end;     /* µs */
    uint32_t waiting; /* clients: for a connection or an echo */
    uint64_t echoes, received;
    uint32_t errors;
    uint32_t *latencies; /* how many of each */
};

static void die(const char *what)
{
    fprintf(stderr, "wsload: %s: %s\n", what, strerror(errno));
    exit(EX_OSERR);
}

/* ---- a client ---- */

static void leave(struct load *l, struct client *c)
{
    wsclient_close(&c->ws);
    l->waiting--;
}

static void lose(struct load *l, struct client *c, const char *why)
{
    if (l->errors++ == 0)
        fprintf(stderr, "wsload: client %u: %s\n", c->number, why);
    leave(l, c);
}

static struct ls_slice message_of(const struct load *l, const struct client *c,
                                  char text[WSCLIENT_PAYLOAD])
{
    memset(text, 'x', l->bytes);
    snprintf(text, l->bytes, "%08x %08x", c->number, c->said);
    text[LEAST_BYTES - 1] = '.';
    return (struct ls_slice) { text, l->bytes };
}

static void say(struct load *l, struct client *c, uint64_t now)
{
    char text[WSCLIENT_PAYLOAD];
    c->said++;
    c->since = now;
    int err = wsclient_send(&c->ws, LS_WS_TEXT, message_of(l, c, text));
    if (err < 0)
        lose(l, c, strerror(-err));
}

static bool is_echo(const struct load *l, const struct client *c,
                    const struct wsclient_frame *frame)
{
    char text[WSCLIENT_PAYLOAD];
    return frame->opcode == LS_WS_TEXT && c->ws.used == c->ws.len && /* and nothing behind it */
           ls_slice_equal(frame->payload, message_of(l, c, text));
}

static void count(struct load *l, const struct client *c, uint64_t now)
{
    uint64_t latency = now - c->since;
    if (now >= l->end && !l->once)
        return;
    l->echoes++;
    l->received += l->bytes;
    l->latencies[latency < BUCKETS ? latency : BUCKETS - 1]++;
}

/* A frame, when one is whole. */
static void take_echo(struct load *l, struct client *c)
{
    struct wsclient_frame frame;
    int got = wsclient_next(&c->ws, &frame);
    if (got == 0)
        return;
    if (got < 0 || !is_echo(l, c, &frame)) {
        lose(l, c, "what came is not the echo");
        return;
    }
    uint64_t now = ls_clock_us();
    count(l, c, now);
    if (l->once || now >= l->end)
        leave(l, c);
    else
        say(l, c, now);
}

static void take_greeting(struct load *l, struct client *c)
{
    int got = wsclient_greet(&c->ws);
    if (got < 0)
        lose(l, c, "the server does not switch to WebSocket");
    else if (got > 0)
        say(l, c, ls_clock_us());
}

/* From now on only what comes is of interest. */
static void begin(struct load *l, struct client *c)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = c->number };
    int err = wsclient_ask(&c->ws, l->path);
    if (err < 0)
        lose(l, c, strerror(-err));
    else if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->ws.fd, &event) < 0)
        die("epoll_ctl");
}

static void take(struct load *l, struct client *c, uint32_t events)
{
    if (events & EPOLLOUT) {
        begin(l, c);
        return;
    }
    int err = wsclient_fill(&c->ws);
    if (err == -EAGAIN)
        return;
    if (err < 0)
        lose(l, c, err == -EPIPE ? "the server has closed" : strerror(-err));
    else if (c->ws.open)
        take_echo(l, c);
    else
        take_greeting(l, c);
}

static void open_client(struct load *l, uint32_t index)
{
    struct client *c = &l->clients[index];
    struct epoll_event event = { .events = EPOLLOUT, .data.u32 = index };
    c->number = index;
    l->waiting++;
    int err = wsclient_connect(&c->ws, l->port);
    if (err < 0)
        lose(l, c, strerror(-err));
    else if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->ws.fd, &event) < 0)
        die("epoll_ctl");
}

/* ---- all of them ---- */

/* Whether anything came in time. */
static bool take_some(struct load *l)
{
    struct epoll_event events[EVENTS];
    int got = epoll_wait(l->epoll, events, EVENTS, PATIENCE / 1000);
    if (got < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < got; i++)
        take(l, &l->clients[events[i].data.u32], events[i].events);
    return got != 0;
}

static void run(struct load *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        open_client(l, i);
    while (l->waiting > 0)
        if (!take_some(l))
            for (uint32_t i = 0; i < l->count; i++)
                if (l->clients[i].ws.fd >= 0)
                    lose(l, &l->clients[i], "no echo in time");
}

static uint32_t quantile(const struct load *l, double q)
{
    uint64_t wanted = (uint64_t)(q * (double)l->echoes), sum = 0;
    uint32_t us = 0;
    while (us < BUCKETS - 1 && (sum += l->latencies[us]) <= wanted)
        us++;
    return us;
}

static void report(const struct load *l, double seconds)
{
    printf("load\t%llu\t%.3f\t%llu\t%u\t%u\t%u\n", (unsigned long long)l->echoes, seconds,
           (unsigned long long)l->received, quantile(l, 0.5), quantile(l, 0.99), l->errors);
}

/* The command line. The seconds. */
static uint32_t read_arguments(struct load *l, int argc, char **argv)
{
    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: wsload PORT PATH CLIENTS SECONDS|once [BYTES]\n");
        exit(EX_USAGE);
    }
    l->port = (uint16_t)wsclient_number("wsload", argv[1], UINT16_MAX);
    l->path = argv[2];
    l->count = wsclient_number("wsload", argv[3], MAX_CLIENTS);
    l->once = strcmp(argv[4], "once") == 0;
    if (argc == 6)
        l->bytes = wsclient_number("wsload", argv[5], WSCLIENT_PAYLOAD);
    if (l->bytes < LEAST_BYTES) {
        fprintf(stderr, "wsload: a message has %d bytes at least\n", LEAST_BYTES);
        exit(EX_USAGE);
    }
    return l->once ? 0 : wsclient_number("wsload", argv[4], MAX_SECONDS);
}

int main(int argc, char **argv)
{
    struct load l = { .bytes = 32 };
    uint32_t seconds = read_arguments(&l, argc, argv);
    wsclient_raise_limit();
    l.clients = calloc(l.count, sizeof *l.clients);
    l.latencies = calloc(BUCKETS, sizeof *l.latencies);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!l.clients || !l.latencies || l.epoll < 0)
        die("cannot begin");
    uint64_t since = ls_clock_us();
    l.end = since + seconds * 1000000ull;
    run(&l);
    report(&l, l.once ? (double)(ls_clock_us() - since) / 1e6 : seconds);
    return l.errors == 0 ? 0 : 1;
}
