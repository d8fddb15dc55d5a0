#include "os/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "os/sys.h"

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path) };

/* inet_pton wants its text NUL-terminated. */
static bool read_host(int family, struct ls_slice host, void *number)
{
    char text[INET6_ADDRSTRLEN];
    if (host.len >= sizeof text || memchr(host.at, '\0', host.len))
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    return inet_pton(family, text, number) == 1;
}

/* `digits` as a port in the network's byte order. */
static bool read_port(struct ls_slice digits, in_port_t *port)
{
    uint64_t number;
    if (ls_slice_to_u64(digits, &number) < 0 || number > UINT16_MAX)
        return false;
    *port = ls_htons((uint16_t)number);
    return true;
}

static int parse_local(struct ls_slice path, struct ls_address *address)
{
    struct sockaddr_un *local = &address->name.local;
    if (path.len == 0 || memchr(path.at, '\0', path.len))
        return -EINVAL;
    if (path.len >= sizeof local->sun_path)
        return -ENAMETOOLONG;
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path.at, path.len);
    address->len = (socklen_t)(PATH_AT + path.len + 1);
    return 0;
}

static int parse_ip6(struct ls_slice text, struct ls_address *address)
{
    struct sockaddr_in6 *ip6 = &address->name.ip6;
    size_t end = ls_slice_find(text, 0, ']');
    struct ls_slice host = { text.at, end }, rest = ls_slice_from(text, end);
    if (!ls_slice_starts(rest, LS_SLICE("]:")) || !read_host(AF_INET6, host, &ip6->sin6_addr) ||
        !read_port(ls_slice_from(rest, 2), &ip6->sin6_port))
        return -EINVAL;
    ip6->sin6_family = AF_INET6;
    address->len = sizeof *ip6;
    return 0;
}

static int parse_ip4(struct ls_slice text, struct ls_address *address)
{
    struct sockaddr_in *ip4 = &address->name.ip4;
    size_t colon = ls_slice_find(text, 0, ':');
    struct ls_slice host = { text.at, colon };
    if (colon == text.len || !read_host(AF_INET, host, &ip4->sin_addr) ||
        !read_port(ls_slice_from(text, colon + 1), &ip4->sin_port))
        return -EINVAL;
    ip4->sin_family = AF_INET;
    address->len = sizeof *ip4;
    return 0;
}

int ls_address_parse(struct ls_slice text, struct ls_address *address)
{
    const struct ls_slice local = LS_SLICE("unix:"), bracket = LS_SLICE("[");
    memset(address, 0, sizeof *address);
    if (ls_slice_starts(text, local))
        return parse_local(ls_slice_from(text, local.len), address);
    if (ls_slice_starts(text, bracket))
        return parse_ip6(ls_slice_from(text, bracket.len), address);
    return parse_ip4(text, address);
}

static int family_of(const struct ls_address *address)
{
    return address->len < sizeof(sa_family_t) ? AF_UNSPEC : address->name.any.sa_family;
}

static void local_text(const struct ls_address *address, char text[LS_ADDRESS_TEXT])
{
    const char *path = address->name.local.sun_path;
    size_t len = address->len > PATH_AT ? address->len - PATH_AT : 0;
    bool abstract = len > 1 && path[0] == '\0';
    if (abstract)
        path++, len--;
    len = strnlen(path, len);
    snprintf(text, LS_ADDRESS_TEXT, "unix%s%s%.*s", len > 0 ? ":" : "", abstract ? "@" : "",
             (int)len, path);
}

void ls_address_text(const struct ls_address *address, char text[LS_ADDRESS_TEXT])
{
    char ip[LS_ADDRESS_IP];
    unsigned port = ls_address_port(address);
    ls_address_ip(address, ip);
    if (family_of(address) == AF_INET)
        snprintf(text, LS_ADDRESS_TEXT, "%.*s:%u", INET_ADDRSTRLEN, ip, port);
    else if (family_of(address) == AF_INET6)
        snprintf(text, LS_ADDRESS_TEXT, "[%.*s]:%u", INET6_ADDRSTRLEN, ip, port);
    else
        local_text(address, text);
}

void ls_address_ip(const struct ls_address *address, char text[LS_ADDRESS_IP])
{
    if (family_of(address) == AF_INET)
        inet_ntop(AF_INET, &address->name.ip4.sin_addr, text, LS_ADDRESS_IP);
    else if (family_of(address) == AF_INET6)
        inet_ntop(AF_INET6, &address->name.ip6.sin6_addr, text, LS_ADDRESS_IP);
    else
        memcpy(text, "unix", sizeof "unix");
}

uint16_t ls_address_port(const struct ls_address *address)
{
    switch (family_of(address)) {
    case AF_INET:
        return ls_ntohs(address->name.ip4.sin_port);
    case AF_INET6:
        return ls_ntohs(address->name.ip6.sin6_port);
    default:
        return 0;
    }
}

static int switch_on(int fd, int level, int option)
{
    const int on = 1;
    return ls_sys_setsockopt(fd, level, option, &on, sizeof on);
}

/* A non-blocking stream socket of the address's family, with the options of a server's. */
static int open_socket(const struct ls_address *address)
{
    int family = family_of(address);
    int fd = ls_sys_socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    int err = family == AF_UNIX ? 0 : switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (err == 0 && family != AF_UNIX) /* accepted sockets have it too */
        err = switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
    if (err == 0 && family == AF_INET6)
        err = switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (err < 0)
        ls_sys_close(fd);
    return err < 0 ? err : fd;
}

/* connect refuses on a regular file as well, so only the file's type tells. */
static bool is_socket_file(const char *path)
{
    const struct ls_open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC };
    struct stat status;
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    if (fd < 0)
        return false;
    int err = ls_sys_fstat(fd, &status);
    ls_sys_close(fd);
    return err == 0 && S_ISSOCK(status.st_mode);
}

static bool is_stale(const struct ls_address *address)
{
    if (family_of(address) != AF_UNIX || !is_socket_file(address->name.local.sun_path))
        return false;
    int fd = open_socket(address);
    if (fd < 0)
        return false;
    int err = ls_sys_connect(fd, &address->name.any, address->len);
    ls_sys_close(fd);
    return err == -ECONNREFUSED;
}

static int bind_to(int fd, const struct ls_address *address)
{
    int err = ls_sys_bind(fd, &address->name.any, address->len);
    if (err == -EADDRINUSE && is_stale(address)) {
        ls_sys_unlink(address->name.local.sun_path);
        err = ls_sys_bind(fd, &address->name.any, address->len);
    }
    return err;
}

int ls_net_listen(const struct ls_address *address, int backlog, struct ls_address *bound)
{
    int fd = open_socket(address);
    if (fd < 0)
        return fd;
    memset(bound, 0, sizeof *bound);
    bound->len = sizeof bound->name;
    int err = bind_to(fd, address);
    if (err == 0)
        err = ls_sys_listen(fd, backlog);
    if (err == 0)
        err = ls_sys_getsockname(fd, &bound->name.any, &bound->len);
    if (err < 0)
        ls_sys_close(fd);
    return err < 0 ? err : fd;
}

static int option_of(int fd, int name)
{
    int value = 0;
    socklen_t len = sizeof value;
    int err = ls_sys_getsockopt(fd, SOL_SOCKET, name, &value, &len);
    return err < 0 ? err : value;
}

int ls_net_adopt(int fd, struct ls_address *bound)
{
    int type = option_of(fd, SO_TYPE), accepting = option_of(fd, SO_ACCEPTCONN);
    if (type < 0)
        return type;
    if (type != SOCK_STREAM || accepting <= 0)
        return -EINVAL;
    memset(bound, 0, sizeof *bound);
    bound->len = sizeof bound->name;
    int err = ls_sys_getsockname(fd, &bound->name.any, &bound->len);
    int flags = err < 0 ? err : ls_sys_fcntl(fd, F_GETFL, 0);
    if (flags >= 0)
        flags = ls_sys_fcntl(fd, F_SETFL, (unsigned long)(flags | O_NONBLOCK));
    if (flags >= 0)
        flags = ls_sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (flags >= 0 && family_of(bound) != AF_UNIX)
        flags = switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
    return flags;
}

int ls_net_dialed(int fd)
{
    int cause = option_of(fd, SO_ERROR);
    return cause < 0 ? cause : -cause;
}

/* Until a connect under way has succeeded: 0; or its -errno. */
static int wait_connected(int fd, int timeout_ms)
{
    struct pollfd poll = { .fd = fd, .events = POLLOUT };
    struct timespec most = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    int ready = ls_sys_ppoll(&poll, 1, timeout_ms < 0 ? NULL : &most, NULL);
    return ready > 0 ? ls_net_dialed(fd) : ready == 0 ? -ETIMEDOUT : ready;
}

static int make_blocking(int fd)
{
    int flags = ls_sys_fcntl(fd, F_GETFL, 0);
    if (flags < 0)
        return flags;
    return ls_sys_fcntl(fd, F_SETFL, (unsigned long)(flags & ~O_NONBLOCK));
}

int ls_net_dial(const struct ls_address *to, const struct ls_address *from, int *fd)
{
    *fd = open_socket(to);
    if (*fd < 0)
        return *fd;
    int err = from ? ls_sys_bind(*fd, &from->name.any, from->len) : 0;
    if (err == 0)
        err = ls_sys_connect(*fd, &to->name.any, to->len);
    if (err == 0 || err == -EINPROGRESS)
        return err;
    ls_sys_close(*fd);
    *fd = -1;
    return err;
}

int ls_net_connect(const struct ls_address *to, const struct ls_address *from, int timeout_ms)
{
    int fd, err = ls_net_dial(to, from, &fd);
    if (err == -EINPROGRESS)
        err = wait_connected(fd, timeout_ms);
    if (err == 0)
        err = make_blocking(fd);
    if (err < 0 && fd >= 0)
        ls_sys_close(fd);
    return err < 0 ? err : fd;
}

void ls_net_from(const struct ls_address *to, uint16_t port, struct ls_address *from)
{
    memset(from, 0, sizeof *from);
    from->len = to->len;
    from->name.any.sa_family = to->name.any.sa_family;
    if (to->name.any.sa_family == AF_INET)
        from->name.ip4.sin_port = ls_htons(port);
    else
        from->name.ip6.sin6_port = ls_htons(port);
}

const char *ls_net_why(int err)
{
    switch (err) {
    case -ECONNREFUSED:
        return "connection refused (nobody listens there)";
    case -ENOENT:
        return "there is no such address";
    case -ETIMEDOUT:
        return "timed out";
    case -EADDRINUSE:
        return "the local port is in use";
    case -EADDRNOTAVAIL:
        return "the local port was in use for the same address until a moment ago (it lingers for "
               "a minute)";
    case -EACCES:
        return "no permission (local ports below 1024 need the privilege to bind them)";
    case -EAGAIN:
        return "the backlog there is full";
    case -EPERM:
        return "not permitted (sandbox.connect?)";
    default:
        return strerror(-err);
    }
}

/* The kernel reports a Unix path of 108 bytes one longer than it has room for. */
int ls_net_accept(int listener, struct ls_address *peer, int flags)
{
    memset(peer, 0, sizeof *peer);
    peer->len = sizeof peer->name;
    int fd = ls_sys_accept4(listener, &peer->name.any, &peer->len, flags | SOCK_CLOEXEC);
    if (peer->len > sizeof peer->name)
        peer->len = sizeof peer->name;
    return fd;
}

int64_t ls_net_acknowledged(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    int err = ls_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    return err < 0 ? err : (int64_t)info.tcpi_bytes_acked;
}

void ls_net_patience(int fd, uint64_t us)
{
    uint64_t ms = us / 1000 + (us % 1000 > 0);
    const unsigned most = ms > INT_MAX ? INT_MAX : (unsigned)ms;
    ls_sys_setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most, sizeof most);
}

void ls_net_cut(int fd)
{
    const struct linger now = { .l_onoff = 1, .l_linger = 0 };
    ls_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}
