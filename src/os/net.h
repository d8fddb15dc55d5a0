/* Addresses and listening sockets: IPv4, IPv6 (never mapped IPv4: IPV6_V6ONLY) and Unix. */
#ifndef LS_OS_NET_H
#define LS_OS_NET_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/slice.h"

struct ls_address {
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
        struct sockaddr_un local;
    } name;
    socklen_t len;
};

/* Longest text of an address with its NUL: "unix:" and a path of 107 bytes. */
enum {
    LS_ADDRESS_TEXT = 128,
    LS_ADDRESS_IP = 46 /* "::ffff:255.255.255.255" and the like, with its NUL */
};

/* "0.0.0.0:3000", "[::1]:80", "unix:/run/x.sock". Ports 0–65535, numeric addresses only.
 * 0 or -EINVAL; -ENAMETOOLONG when a Unix path has more than 107 bytes. */
int ls_address_parse(struct ls_slice text, struct ls_address *address);

/* The same form back, NUL-terminated; a client's unnamed Unix socket is "unix", an abstract name
 * "unix:@name". What is neither IP nor a Unix path (an empty address too) is "unix" as well. */
void ls_address_text(const struct ls_address *address, char text[LS_ADDRESS_TEXT]);

/* The address alone ("127.0.0.1", "::1"; "unix" for Unix sockets), and the port (there 0). */
void ls_address_ip(const struct ls_address *address, char text[LS_ADDRESS_IP]);
uint16_t ls_address_port(const struct ls_address *address);

/* socket, SO_REUSEADDR, bind, listen. The socket is close-on-exec and non-blocking; `bound` gets
 * the name really bound (port 0: the one chosen). A Unix socket that nobody answers on
 * (connect: ECONNREFUSED) is removed first; anything else at that path stays, -EADDRINUSE. (A
 * server that is between its bind and its listen looks like a dead one.) The descriptor, or
 * -errno of the first call that failed, with nothing left open. */
int ls_net_listen(const struct ls_address *address, int backlog, struct ls_address *bound);

/* Makes a listening stream socket that somebody else opened as ours are: close-on-exec,
 * non-blocking. 0, or -errno: -EINVAL when it is none, -ENOTSOCK, -EBADF … */
int ls_net_adopt(int fd, struct ls_address *bound);

/* A socket connected to `to`, from `from` unless that is NULL; waits at most timeout_ms (< 0:
 * for ever). The blocking, close-on-exec descriptor, or -errno: -ETIMEDOUT; -EINTR when a signal
 * handler ran meanwhile (nothing is retried here); -EAGAIN when a Unix listener's backlog is
 * full. `from` is bound with SO_REUSEADDR. */
int ls_net_connect(const struct ls_address *to, const struct ls_address *from, int timeout_ms);

/* The same, but never waits: *fd is the non-blocking socket. 0: it is connected; -EINPROGRESS: it will be, or
 * not, once it can be written to, and ls_net_dialed says which (0 or -errno); otherwise -errno, and *fd is -1. */
int ls_net_dial(const struct ls_address *to, const struct ls_address *from, int *fd);
int ls_net_dialed(int fd);

/* Any address of this machine of the same family (IPv4, IPv6), with that port: to connect from. */
void ls_net_from(const struct ls_address *to, uint16_t port, struct ls_address *from);

const char *ls_net_why(int err); /* such a call failed, for people */

/* accept4, close-on-exec; `flags`: SOCK_NONBLOCK or 0. The descriptor or -errno (-EAGAIN: nobody is
 * waiting). */
int ls_net_accept(int listener, struct ls_address *peer, int flags);

/* Bytes that the other side of a TCP connection has acknowledged so far, or -errno where that is not
 * counted. */
int64_t ls_net_acknowledged(int fd);

/* From now on the connection breaks (-ETIMEDOUT) when what was sent is not acknowledged for so long, rounded up
 * to milliseconds; 0: as long as the kernel has patience, some 15 minutes. Nothing on Unix sockets. */
void ls_net_patience(int fd, uint64_t us);

/* The close of that socket will be a reset, so that no client takes what it has got for whole. */
void ls_net_cut(int fd);

#endif
