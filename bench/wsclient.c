#include "wsclient.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EX_USAGE = 64, SHORT = 125, MASKED = 0x80, TWO_BYTES = 126, FIN = 0x80 };

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* the RFC's own */
#define STATUS "HTTP/1.1 101 "

/* ---- the connection ---- */

int wsclient_connect(struct wsclient *c, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(port) };
    const int one = 1;
    c->open = false;
    c->len = c->used = 0;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return -errno;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS)
        return 0;
    int err = -errno;
    wsclient_close(c);
    return err;
}

void wsclient_close(struct wsclient *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->open = false;
}

static int send_whole(struct wsclient *c, const void *bytes, size_t len)
{
    ssize_t sent = send(c->fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0)
        return -errno;
    return (size_t)sent == len ? 0 : -EMSGSIZE; /* half of a frame is out: there is no way on */
}

int wsclient_fill(struct wsclient *c)
{
    memmove(c->in, c->in + c->used, c->len - c->used);
    c->len -= c->used;
    c->used = 0;
    ssize_t got = recv(c->fd, c->in + c->len, sizeof c->in - c->len, MSG_DONTWAIT);
    if (got < 0)
        return -errno;
    if (got == 0)
        return c->len == sizeof c->in ? -EMSGSIZE : -EPIPE;
    c->len += (uint32_t)got;
    return 1;
}

/* ---- the handshake ---- */

int wsclient_ask(struct wsclient *c, const char *path)
{
    char request[512];
    int err = 0;
    socklen_t size = sizeof err;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 || err != 0)
        return err ? -err : -errno;
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: " KEY "\r\n\r\n",
                       path);
    if (len < 0 || (size_t)len >= sizeof request)
        return -ENAMETOOLONG;
    return send_whole(c, request, (size_t)len);
}

int wsclient_greet(struct wsclient *c)
{
    char accept[LS_WS_ACCEPT];
    const char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    ls_ws_accept(ls_slice_of(KEY), accept);
    size_t head = (size_t)(end - c->in);
    if (head < sizeof STATUS || memcmp(c->in, STATUS, sizeof STATUS - 1) != 0 ||
        !memmem(c->in, head, accept, sizeof accept))
        return -EPROTO;
    c->used = (uint32_t)head + 4;
    c->open = true;
    return 1;
}

/* ---- frames ---- */

/* Masks are for proxies, of which there is none here: any will do that is not always the same. */
static void next_mask(unsigned char mask[LS_WS_MASK])
{
    static uint32_t state = 2463534242;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    memcpy(mask, &state, LS_WS_MASK);
}

int wsclient_send(struct wsclient *c, enum ls_ws_opcode opcode, struct ls_slice payload)
{
    char frame[LS_WS_HEAD + LS_WS_MASK + WSCLIENT_PAYLOAD];
    unsigned char mask[LS_WS_MASK];
    if (payload.len > WSCLIENT_PAYLOAD)
        return -EMSGSIZE;
    size_t head = ls_ws_frame_head(opcode, true, payload.len, frame);
    frame[1] = (char)(frame[1] | MASKED);
    next_mask(mask);
    memcpy(frame + head, mask, sizeof mask);
    memcpy(frame + head + sizeof mask, payload.at, payload.len);
    ls_ws_unmask(frame + head + sizeof mask, payload.len, mask, 0);
    return send_whole(c, frame, head + sizeof mask + payload.len);
}

int wsclient_next(struct wsclient *c, struct wsclient_frame *frame)
{
    const unsigned char *at = (unsigned char *)c->in + c->used;
    size_t there = c->len - c->used, head = 2;
    if (there < head)
        return 0;
    size_t len = at[1];
    if (len > TWO_BYTES || !(at[0] & FIN))
        return -EPROTO;
    if (len == TWO_BYTES) {
        head += 2;
        if (there < head)
            return 0;
        len = (size_t)(at[2] << 8 | at[3]);
        if (len <= SHORT || head + len > sizeof c->in)
            return -EPROTO;
    }
    if (there < head + len)
        return 0;
    frame->opcode = at[0] & ~FIN;
    frame->payload = (struct ls_slice) { (const char *)at + head, len };
    c->used += (uint32_t)(head + len);
    return 1;
}

/* ---- the rest ---- */

void wsclient_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

uint32_t wsclient_number(const char *who, const char *text, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value == 0 || value > most) {
        fprintf(stderr, "%s: \"%s\" is not a number from 1 to %lu\n", who, text, most);
        exit(EX_USAGE);
    }
    return (uint32_t)value;
}
