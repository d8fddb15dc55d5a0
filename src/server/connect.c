/* luaserve_connect: a connection that somebody makes from a terminal or a pipe. */
#include "luaserve.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/wire.h"
#include "os/resolve.h"
#include "os/sys.h"
#include "server/error.h"

enum {
    TIMEOUT_MS = 10000,   /* as app.connect's */
    INPUT_ROOM = 64 << 10 /* bytes */
};

/* ---- until the connection stands ---- */

struct ends { /* of the connection, for people */
    char peer[LS_ADDRESS_TEXT], self[LS_ADDRESS_TEXT];
};

static void name_ends(int fd, const struct ls_address *to, struct ends *ends)
{
    struct ls_address self = { .len = sizeof self.name };
    if (ls_sys_getsockname(fd, &self.name.any, &self.len) < 0)
        self.len = 0;
    ls_address_text(to, ends->peer);
    ls_address_text(&self, ends->self);
}

static int left_ms(uint64_t due)
{
    uint64_t now = ls_clock_us();
    uint64_t left = now < due ? (due - now) / 1000 : 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}

/* Where nobody listens, a socket that has that very port connects to itself (RFC 9293 3.5, figure 7). */
static int unless_itself(int fd, const struct ends *ends)
{
    if (strcmp(ends->peer, ends->self) != 0)
        return fd;
    ls_net_cut(fd); /* else the port would linger */
    ls_sys_close(fd);
    return -ECONNREFUSED;
}

static int dial(const struct ls_address *to, uint16_t local_port, uint64_t due, struct ends *ends)
{
    struct ls_address from;
    int fd;
    if (local_port > 0)
        ls_net_from(to, local_port, &from);
    do
        fd = ls_net_connect(to, local_port > 0 ? &from : NULL, left_ms(due));
    while (fd == -EINTR);
    if (fd < 0)
        return fd;
    name_ends(fd, to, ends);
    return unless_itself(fd, ends);
}

/* The first address that answers; or why the first one did not, which of all is the likeliest. */
static int dial_any(const struct ls_address *all, int count, const struct luaserve_client *client,
                    struct ends *ends)
{
    uint64_t ms = client->timeout_ms > 0 ? client->timeout_ms : TIMEOUT_MS;
    uint64_t due = ls_clock_us() + ms * 1000;
    int first = 0;
    for (int i = 0; i < count; i++) {
        uint64_t now = ls_clock_us(), left = now < due ? due - now : 0; /* the others get theirs */
        int fd = dial(&all[i], client->local_port, now + left / (uint64_t)(count - i), ends);
        if (fd >= 0)
            return fd;
        first = first < 0 ? first : fd;
    }
    return first;
}

static const char *why_not(int err, bool from_port)
{
    if (from_port && (err == -EADDRINUSE || err == -EADDRNOTAVAIL))
        return "the local port is in use, or lingers from an earlier connection (TIME_WAIT: a "
               "minute)";
    if (!from_port && (err == -EADDRNOTAVAIL || err == -EACCES))
        return strerror(-err); /* the known reasons are a local port's */
    return err == -EPERM ? "not permitted (a firewall?)" : ls_net_why(err);
}

static int unreachable(const struct luaserve_client *client, int err, struct luaserve_error *error)
{
    char from[sizeof " from port 65535"] = "";
    if (client->local_port > 0)
        snprintf(from, sizeof from, " from port %u", (unsigned)client->local_port);
    return ls_error_set(error, LUASERVE_UNAVAILABLE, "cannot connect to %s%s: %s", client->address,
                        from, why_not(err, client->local_port > 0));
}

static int unresolved(const char *address, int err, struct luaserve_error *error)
{
    if (err == -ENOENT)
        return ls_error_set(error, LUASERVE_NO_HOST,
                            "cannot connect to %s: there is no host of that name", address);
    if (err == -ENAMETOOLONG)
        return ls_error_set(error, LUASERVE_USAGE, "%s: the path has more than 107 bytes", address);
    return ls_error_set(error, LUASERVE_USAGE,
                        "expected HOST:PORT, [IPV6]:PORT or unix:/path, found \"%s\"", address);
}

/* The connected socket, or -1 with the error filled in. */
static int reach(const struct luaserve_client *client, struct ends *ends,
                 struct luaserve_error *error)
{
    struct ls_address all[LS_RESOLVED];
    int count = ls_resolve_text(client->address, all);
    if (count < 0)
        return unresolved(client->address, count, error);
    if (client->local_port > 0 && all[0].name.any.sa_family == AF_UNIX)
        return ls_error_set(error, LUASERVE_USAGE, "%s: a Unix socket has no ports",
                            client->address);
    int fd = dial_any(all, count, client, ends);
    return fd < 0 ? unreachable(client, fd, error) : fd;
}

/* ---- while it stands ---- */

/* Each direction reads only when all that it read before is handed on. Input and output stay in
 * the mode that they are in, which others may share: they are asked before each call. */
struct talk {
    struct ls_wire wire; /* the connection, and what has come by it */
    int input, output;   /* output is -1 when the peer has ended and all from it is out */
    bool input_ended;    /* half-closed */
    int refused;         /* -errno: the peer takes no more, its own bytes are read on; 0 */
    size_t at, len;      /* what of `bytes` is to be sent */
    char bytes[INPUT_ROOM];
    const struct luaserve_client *client;
    struct luaserve_error *error;
};

static int broken(const struct talk *t, int err)
{
    return ls_error_set(t->error, LUASERVE_IO, "%s: %s", t->client->address,
                        err == -ECONNRESET ? "connection reset by the peer"
                        : err == -EPIPE    ? "the peer has closed and takes no more input"
                                           : strerror(-err));
}

static int output_failed(const struct talk *t, int err)
{
    if (err == -EPIPE)
        return ls_error_set(t->error, LUASERVE_IO, "nobody reads the output any more");
    return ls_error_set(t->error, LUASERVE_IO, "cannot write the output: %s", strerror(-err));
}

static bool is_passing(long err) /* nothing is wrong, only not now */
{
    return err == -EINTR || err == -EAGAIN;
}

static int take_input(struct talk *t)
{
    long got = ls_sys_read(t->input, t->bytes, sizeof t->bytes);
    if (is_passing(got))
        return 0;
    if (got < 0)
        return ls_error_set(t->error, LUASERVE_IO, "cannot read the input: %s",
                            strerror((int)-got));
    t->at = 0;
    t->len = (size_t)got;
    t->input_ended = got == 0;
    if (t->input_ended)
        ls_sys_shutdown(t->wire.fd, SHUT_WR); /* of a broken connection: reading tells */
    return 0;
}

static int send_input(struct talk *t)
{
    long sent = ls_wire_send(&t->wire, (struct ls_slice) { t->bytes + t->at, t->len });
    if (sent == -EAGAIN)
        return 0;
    if (sent == -EPIPE || sent == -ECONNRESET) { /* the answer that explains it may be here */
        t->refused = (int)sent;
        t->input_ended = true;
        t->len = 0;
        return 0;
    }
    if (sent < 0)
        return broken(t, (int)sent);
    t->at += (size_t)sent;
    t->len -= (size_t)sent;
    return 0;
}

static int take_peer(struct talk *t)
{
    long got = ls_wire_fill(&t->wire);
    return got < 0 && got != -EAGAIN ? broken(t, (int)got) : 0;
}

/* A pipe that can be written to takes PIPE_BUF bytes without blocking; no more is promised. */
static int put_output(struct talk *t)
{
    struct ls_slice there = ls_wire_there(&t->wire);
    long put = ls_sys_write(t->output, there.at, there.len < PIPE_BUF ? there.len : PIPE_BUF);
    if (is_passing(put))
        return 0;
    if (put < 0)
        return output_failed(t, (int)put);
    ls_wire_use(&t->wire, (size_t)put);
    return 0;
}

enum { INPUT, OUTPUT, SOCKET, WATCHED };

/* What nothing is wanted of is not watched (-1), or its POLLHUP would end every wait. But the output
 * always is: its reader may leave while the peer is silent; and so is a peer that has ended, which
 * may close for good while the input is silent. */
static void watch(const struct talk *t, struct pollfd fds[WATCHED])
{
    bool idle = ls_wire_there(&t->wire).len == 0;
    int wanted = (idle && !t->wire.eof ? POLLIN : 0) | (t->len > 0 ? POLLOUT : 0);
    bool socket = wanted || (t->wire.eof && !t->input_ended);
    bool input = !t->input_ended && t->len == 0;
    fds[INPUT] = (struct pollfd) { .fd = input ? t->input : -1, .events = POLLIN };
    fds[OUTPUT] = (struct pollfd) { .fd = t->output, .events = idle ? 0 : POLLOUT };
    fds[SOCKET] = (struct pollfd) { .fd = socket ? t->wire.fd : -1, .events = (short)wanted };
}

static int move_socket(struct talk *t, short wanted)
{
    int err = wanted & POLLIN ? take_peer(t) : 0;
    return err == 0 && (wanted & POLLOUT) ? send_input(t) : err;
}

/* The peer had ended, and now it has closed: all is well, or it is an error's doing. */
static void leave_with_peer(struct talk *t)
{
    t->refused = ls_net_dialed(t->wire.fd);
    t->input_ended = true;
}

/* Input that is there comes before leaving: it is the end, or sending it tells that it is not wanted. */
static int move(struct talk *t, const struct pollfd fds[WATCHED])
{
    const int gone = POLLERR | POLLHUP | POLLNVAL;
    int err = 0;
    if (fds[OUTPUT].revents & gone)
        return output_failed(t, fds[OUTPUT].revents & POLLNVAL ? -EBADF : -EPIPE);
    if (fds[OUTPUT].revents)
        err = put_output(t);
    if (err == 0 && fds[SOCKET].revents)
        err = move_socket(t, fds[SOCKET].events);
    if (err == 0 && fds[INPUT].revents)
        err = take_input(t);
    else if (fds[SOCKET].revents && !fds[SOCKET].events)
        leave_with_peer(t);
    return err;
}

static void end_output(struct talk *t)
{
    t->output = -1;
    if (t->client->peer_ended)
        t->client->peer_ended(t->client->ctx);
}

/* Moves what can be moved now; waits until something can, if `patient`. 1; 0: there was nothing. */
static int step(struct talk *t, bool patient)
{
    const struct timespec at_once = { 0 };
    struct pollfd fds[WATCHED];
    watch(t, fds);
    int ready = ls_sys_ppoll(fds, WATCHED, patient ? NULL : &at_once, NULL);
    if (ready == -EINTR)
        return 1;
    if (ready < 0)
        return ls_error_os(t->error, "cannot wait", ready);
    if (ready > 0 && move(t, fds) < 0)
        return -1;
    return ready > 0;
}

static int carry(struct talk *t)
{
    int more = 1;
    while (more > 0 && !(t->output < 0 && t->input_ended && t->len == 0)) {
        bool leaving = t->output < 0 && t->client->typed && t->len == 0;
        more = step(t, !leaving);
        if (t->wire.eof && t->output >= 0 && ls_wire_there(&t->wire).len == 0)
            end_output(t);
    }
    return more >= 0 && t->refused ? broken(t, t->refused) : more < 0 ? -1 : 0;
}

/* A write into a broken pipe is to fail, not to kill. */
static int carry_without_sigpipe(struct talk *t)
{
    struct ls_sigaction before;
    ls_sys_rt_sigaction(SIGPIPE, NULL, &before);
    ls_sys_on_signal(SIGPIPE, LS_SIG_IGN, 0);
    int err = carry(t);
    ls_sys_rt_sigaction(SIGPIPE, &before, NULL);
    return err;
}

int luaserve_connect(const struct luaserve_client *client, struct luaserve_error *error)
{
    struct ends ends;
    if (client->size != sizeof *client)
        return ls_error_set(error, LUASERVE_USAGE,
                            "luaserve_connect: the size is %zu, expected %zu", client->size,
                            sizeof *client);
    int fd = reach(client, &ends, error);
    if (fd < 0)
        return -1;
    if (client->connected)
        client->connected(client->ctx, ends.peer, ends.self);
    struct talk talk = {
        .input = client->input, .output = client->output, .client = client, .error = error
    };
    ls_wire_init(&talk.wire, fd, true);
    int err = carry_without_sigpipe(&talk);
    ls_wire_close(&talk.wire);
    return err;
}
