/* room: WebSocket clients of one room, to whom some of them speak. The load generator of bench/room.sh.
 *
 *     room PORT PATH CLIENTS SPEAKERS MESSAGES      of a server on 127.0.0.1:PORT
 *
 * Each of CLIENTS connects and waits to be told "joined"; AT_ONCE of them at most are not yet. Then SPEAKERS of
 * them, spread evenly, publish MESSAGES numbered ones all together, in windows: each says WINDOW of them, one
 * behind the other, and goes on when every client has all of these. Every client has to receive each
 * message exactly once, those of a speaker in order, and all clients those of all speakers in the same
 * order. At last all say that they close, and wait for the server to say so too.
 * After each part (joined, three thirds, left) a line says how it went, and a line is read from stdin before
 * the next one: part, how many messages were received (or clients have joined, have left), faults, seconds. A
 * client with a fault takes no further part. 0: there was none. */
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
    MAX_SPEAKERS = 16,
    MAX_MESSAGES = 1000000,
    AT_ONCE = 64,
    WINDOW = 25,   /* messages; of 16 speakers they take 100 KB of a channel's queue */
    MESSAGE = 240, /* bytes */
    EVENTS = 256,
    PATIENCE = 30000, /* ms without anything */
    THIRDS = 3,
    EX_USAGE = 64,
    EX_OSERR = 71,
};

struct client {
    struct wsclient ws;
    bool joined;
    uint32_t number, missing;   /* messages of this window */
    uint32_t got[MAX_SPEAKERS]; /* how many of each speaker */
    uint64_t order;             /* a hash of who spoke, in this order */
};

struct room {
    struct client *clients;
    uint32_t count, speakers, messages;
    uint32_t said; /* by each speaker */
    const char *path;
    uint16_t port;
    int epoll;
    bool leaving;
    uint32_t waiting, here; /* clients: that something is to happen to, and that take part */
    uint64_t received;
    uint32_t faults;
};

static void die(const char *what)
{
    fprintf(stderr, "room: %s: %s\n", what, strerror(errno));
    exit(EX_OSERR);
}

/* ---- a client ---- */

static void leave(struct room *r, struct client *c)
{
    wsclient_close(&c->ws);
    r->here--;
    if (!c->joined || c->missing > 0 || r->leaving)
        r->waiting--;
    c->missing = 0;
}

static void lose(struct room *r, struct client *c, const char *why)
{
    if (r->faults++ < 5)
        fprintf(stderr, "room: client %u: %s\n", c->number, why);
    leave(r, c);
}

/* What speaker `who` says as number `which`. */
static struct ls_slice message_of(uint32_t who, uint32_t which, char text[MESSAGE])
{
    memset(text, '.', MESSAGE);
    text[snprintf(text, MESSAGE, "%u %u ", who, which)] = '.';
    return (struct ls_slice) { text, MESSAGE };
}

static void take_message(struct room *r, struct client *c, struct ls_slice message)
{
    char text[MESSAGE];
    uint32_t who = message.len > 0 ? (uint32_t)strtoul(message.at, NULL, 10) : 0;
    if (who >= r->speakers || c->missing == 0) {
        lose(r, c, "it is told what nobody has said");
    } else if (!ls_slice_equal(message, message_of(who, c->got[who] + 1, text))) {
        fprintf(stderr, "room: %.*s where %.*s should be\n", (int)message.len, message.at, MESSAGE,
                text);
        lose(r, c, "a message is lost, doubled, or changed");
    } else {
        c->got[who]++;
        c->order = (c->order ^ who) * 1099511628211; /* FNV-1a */
        r->received++;
        if (--c->missing == 0)
            r->waiting--;
    }
}

static void take_frame(struct room *r, struct client *c, const struct wsclient_frame *frame)
{
    if (frame->opcode == LS_WS_CLOSE && r->leaving) {
        r->received++;
        leave(r, c);
    } else if (frame->opcode == LS_WS_PING) {
        wsclient_send(&c->ws, LS_WS_PONG, frame->payload);
    } else if (frame->opcode != LS_WS_TEXT || r->leaving) {
        lose(r, c, "a frame that nobody expects");
    } else if (c->joined) {
        take_message(r, c, frame->payload);
    } else if (!ls_slice_equal(frame->payload, LS_SLICE("joined"))) {
        lose(r, c, "it has not joined");
    } else {
        c->joined = true;
        r->received++;
        r->waiting--;
    }
}

/* From now on only what comes is of interest. */
static void begin(struct room *r, struct client *c)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = c->number };
    int err = wsclient_ask(&c->ws, r->path);
    if (err < 0)
        lose(r, c, strerror(-err));
    else if (epoll_ctl(r->epoll, EPOLL_CTL_MOD, c->ws.fd, &event) < 0)
        die("epoll_ctl");
}

static void take(struct room *r, struct client *c)
{
    struct wsclient_frame frame;
    int got = wsclient_fill(&c->ws);
    if (got == -EAGAIN)
        return;
    if (got > 0 && !c->ws.open)
        got = wsclient_greet(&c->ws);
    while (got > 0 && c->ws.open && (got = wsclient_next(&c->ws, &frame)) > 0)
        take_frame(r, c, &frame);
    if (got < 0)
        lose(r, c, got == -EPIPE ? "the server has closed" : strerror(-got));
}

/* ---- all of them ---- */

static void lose_those_who_wait(struct room *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct client *c = &r->clients[i];
        if (c->ws.fd >= 0 && (!c->joined || c->missing > 0 || r->leaving))
            lose(r, c, "nothing comes");
    }
}

/* Until not more than `most` wait. */
static void take_until(struct room *r, uint32_t most)
{
    struct epoll_event events[EVENTS];
    while (r->waiting > most) {
        int count = epoll_wait(r->epoll, events, EVENTS, PATIENCE);
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        if (count == 0)
            lose_those_who_wait(r);
        for (int i = 0; i < count; i++) {
            struct client *c = &r->clients[events[i].data.u32];
            if (c->ws.fd >= 0 && events[i].events & EPOLLOUT)
                begin(r, c);
            else if (c->ws.fd >= 0)
                take(r, c);
        }
    }
}

static void join(struct room *r, uint32_t index)
{
    struct client *c = &r->clients[index];
    struct epoll_event event = { .events = EPOLLOUT, .data.u32 = index };
    c->number = index;
    r->here++;
    r->waiting++;
    int err = wsclient_connect(&c->ws, r->port);
    if (err < 0)
        lose(r, c, strerror(-err));
    else if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->ws.fd, &event) < 0)
        die("epoll_ctl");
    take_until(r, AT_ONCE - 1);
}

static void all_join(struct room *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        join(r, i);
    take_until(r, 0);
}

static void say(struct room *r, uint32_t who, uint32_t from, uint32_t to)
{
    char text[MESSAGE];
    struct client *c = &r->clients[(uint64_t)who * r->count / r->speakers];
    for (uint32_t i = from; i < to && c->ws.fd >= 0; i++) {
        int err = wsclient_send(&c->ws, LS_WS_TEXT, message_of(who, i + 1, text));
        if (err < 0)
            lose(r, c, strerror(-err));
    }
}

/* A window; up to `last` messages of each speaker. */
static void some_speak(struct room *r, uint32_t last)
{
    uint32_t from = r->said;
    r->said = last - from < WINDOW ? last : from + WINDOW;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->clients[i].ws.fd >= 0) {
            r->clients[i].missing = (r->said - from) * r->speakers;
            r->waiting++;
        }
    for (uint32_t who = 0; who < r->speakers; who++)
        say(r, who, from, r->said);
    take_until(r, 0);
}

static void compare_orders(struct room *r)
{
    const struct client *first = NULL;
    for (uint32_t i = 0; i < r->count; i++) {
        struct client *c = &r->clients[i];
        if (c->ws.fd < 0)
            continue;
        if (!first)
            first = c;
        else if (c->order != first->order)
            lose(r, c, "it has heard the speakers in another order");
    }
}

/* What is still to be said will not be said to those who have left. */
static void all_leave(struct room *r)
{
    const struct ls_slice code = LS_SLICE("\x03\xe8"); /* LS_WS_NORMAL */
    r->leaving = true;
    r->waiting = r->here;
    for (uint32_t i = 0; i < r->count; i++) {
        struct client *c = &r->clients[i];
        if (c->ws.fd < 0)
            continue;
        int err = wsclient_send(&c->ws, LS_WS_CLOSE, code);
        if (err < 0)
            lose(r, c, strerror(-err));
    }
    take_until(r, 0);
}

/* ---- the parts ---- */

static void report(struct room *r, const char *part, uint64_t since)
{
    char line[8];
    printf("%s\t%llu\t%u\t%.3f\n", part, (unsigned long long)r->received, r->faults,
           (double)(ls_clock_us() - since) / 1e6);
    fflush(stdout);
    r->received = 0;
    if (!fgets(line, sizeof line, stdin))
        exit(EX_USAGE);
}

static void speak_third(struct room *r, uint32_t third)
{
    uint32_t last = (uint32_t)((uint64_t)(r->messages / r->speakers) * third / THIRDS);
    uint64_t since = ls_clock_us();
    while (r->said < last && r->here > 0)
        some_speak(r, last);
    if (third == THIRDS)
        compare_orders(r);
    report(r, "third", since);
}

static void run(struct room *r)
{
    uint64_t since = ls_clock_us();
    all_join(r);
    report(r, "joined", since);
    for (uint32_t third = 1; third <= THIRDS; third++)
        speak_third(r, third);
    since = ls_clock_us();
    all_leave(r);
    report(r, "left", since);
}

int main(int argc, char **argv)
{
    struct room r = { 0 };
    if (argc != 6) {
        fprintf(stderr, "usage: room PORT PATH CLIENTS SPEAKERS MESSAGES\n");
        return EX_USAGE;
    }
    r.port = (uint16_t)wsclient_number("room", argv[1], UINT16_MAX);
    r.path = argv[2];
    r.count = wsclient_number("room", argv[3], MAX_CLIENTS);
    r.speakers = wsclient_number("room", argv[4], r.count < MAX_SPEAKERS ? r.count : MAX_SPEAKERS);
    r.messages = wsclient_number("room", argv[5], MAX_MESSAGES);
    wsclient_raise_limit();
    r.clients = calloc(r.count, sizeof *r.clients);
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!r.clients || r.epoll < 0)
        die("cannot begin");
    for (uint32_t i = 0; i < r.count; i++)
        r.clients[i].ws.fd = -1;
    run(&r);
    return r.faults == 0 ? 0 : 1;
}
