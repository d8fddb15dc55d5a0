/* A WebSocket client (RFC 6455) for the load generators: it never waits, and believes nothing that the
 * server sends. Source: 127.0.0.1, to a server there. */
#ifndef BENCH_WSCLIENT_H
#define BENCH_WSCLIENT_H

#include "http/websocket.h"

enum {
    WSCLIENT_ROOM = 4096,   /* bytes that are read at once, and of a frame at most */
    WSCLIENT_PAYLOAD = 1024 /* bytes of a message that is sent, at most */
};

struct wsclient {
    int fd;    /* -1: none */
    bool open; /* the server has switched */
    uint32_t len, used;
    char in[WSCLIENT_ROOM]; /* what came; up to `used` it was given */
};

struct wsclient_frame {
    enum ls_ws_opcode opcode;
    struct ls_slice payload; /* in the client, until it is filled again */
};

/* Begins to connect: its socket can be written to when that is done. 0 or -errno. */
int wsclient_connect(struct wsclient *c, uint16_t port);
void wsclient_close(struct wsclient *c);

/* Asks to switch, once it is connected. 0 or -errno (that of the connect, too). */
int wsclient_ask(struct wsclient *c, const char *path);

/* Sends a frame, masked, whole: 0; -EAGAIN: the server takes no more; -errno. */
int wsclient_send(struct wsclient *c, enum ls_ws_opcode opcode, struct ls_slice payload);

/* Takes in what has come. > 0; -EAGAIN: nothing; -EPIPE: the server has closed; -errno. */
int wsclient_fill(struct wsclient *c);

/* The answer to wsclient_ask. 1: it is there, and right (c->open); 0: not yet; -EPROTO: it is not. */
int wsclient_greet(struct wsclient *c);

/* The next whole frame of what has come. 1; 0: there is none yet; -EPROTO: none that a server sends (masked, in
 * pieces, or larger than there is room). */
int wsclient_next(struct wsclient *c, struct wsclient_frame *frame);

/* ---- what both load generators need besides ---- */

void wsclient_raise_limit(void); /* of descriptors, as far as it goes */

/* 1 to `most`; or the process ends with status 64. `who`: its name. */
uint32_t wsclient_number(const char *who, const char *text, unsigned long most);

#endif
