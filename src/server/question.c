/* luaserve_trace: what a running server is asked from outside. */
#include "luaserve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "os/net.h"
#include "os/sys.h"
#include "server/error.h"
#include "server/generation.h"
#include "server/server.h"

enum {
    TIMEOUT_MS = 10000,
    MOST = 4 << 20 /* bytes of an answer */
};

/* ---- where it listens ---- */

static void first_address(const struct ls_config *c, struct ls_buffer *text)
{
    bool six = strchr(c->host, ':') != NULL;
    if (c->listen_count > 0)
        ls_buffer_text(text, c->listen[0]);
    else
        ls_buffer_printf(text, six ? "[%s]:%u" : "%s:%u", c->host, (unsigned)c->port);
}

/* Who listens on all addresses of this machine is met on its loopback. */
static void nearest(struct ls_address *to)
{
    if (to->name.any.sa_family == AF_INET && to->name.ip4.sin_addr.s_addr == INADDR_ANY)
        to->name.ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (to->name.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&to->name.ip6.sin6_addr))
        to->name.ip6.sin6_addr = in6addr_loopback;
}

static int find(const struct ls_config *c, struct ls_address *to, struct luaserve_error *error)
{
    struct ls_buffer text = { 0 };
    first_address(c, &text);
    int err = text.failed ? -ENOMEM : ls_address_parse((struct ls_slice) { text.at, text.len }, to);
    ls_buffer_free(&text);
    if (err < 0)
        return ls_error_os(error, "address", err);
    if (to->name.any.sa_family != AF_UNIX && ls_address_port(to) == 0)
        return ls_error_set(error, LUASERVE_USAGE,
                            "port 0 is any free one: say on which one the server listens");
    nearest(to);
    return 0;
}

/* ---- the question ---- */

static int send_all(int fd, struct ls_slice bytes)
{
    while (bytes.len > 0) {
        long sent = ls_sys_sendto(fd, bytes.at, bytes.len, MSG_NOSIGNAL, NULL, 0);
        if (sent < 0 && sent != -EINTR)
            return (int)sent;
        if (sent > 0)
            bytes = ls_slice_from(bytes, (size_t)sent);
    }
    return 0;
}

static int read_all(int fd, struct ls_buffer *answer)
{
    const struct timeval patience = { .tv_sec = TIMEOUT_MS / 1000 };
    long got = ls_sys_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (got >= 0) {
        if (answer->len > MOST || ls_buffer_reserve(answer, 4096) < 0)
            return -EMSGSIZE;
        got = ls_sys_read(fd, answer->at + answer->len, 4096);
        if (got == 0)
            return 0;
        if (got > 0)
            answer->len += (size_t)got;
        else if (got == -EINTR)
            got = 0;
    }
    return got == -EAGAIN ? -ETIMEDOUT : (int)got;
}

static int ask(const struct ls_address *to, struct ls_slice question, struct ls_buffer *answer)
{
    int fd = ls_net_connect(to, NULL, TIMEOUT_MS);
    if (fd < 0)
        return fd;
    int err = send_all(fd, question);
    if (err == 0)
        err = read_all(fd, answer);
    ls_sys_close(fd);
    return err;
}

/* The status of an answer, and its content; 0: it is none. */
static int split(struct ls_slice answer, struct ls_slice *content)
{
    const struct ls_slice end = LS_SLICE("\r\n\r\n"), version = LS_SLICE("HTTP/1.");
    int status = 0;
    if (!ls_slice_starts(answer, version) || answer.len < version.len + 5)
        return 0;
    for (size_t i = version.len + 2; i < version.len + 5; i++)
        status = status * 10 + (answer.at[i] - '0');
    const char *at = memmem(answer.at, answer.len, end.at, end.len);
    if (!at)
        return 0;
    *content = ls_slice_from(answer, (size_t)(at - answer.at) + end.len);
    return status;
}

static int hand_on(const struct ls_address *to, struct ls_slice answer,
                   void (*output)(void *ctx, const char *text, size_t len), void *ctx,
                   struct luaserve_error *error)
{
    struct ls_slice content = { 0 };
    char name[LS_ADDRESS_TEXT];
    int status = split(answer, &content);
    while (content.len > 0 && content.at[content.len - 1] == '\n' && status != 200)
        content.len--;
    ls_address_text(to, name);
    if (status == 200) {
        output(ctx, content.at, content.len);
        return 0;
    }
    if (status == 0)
        return ls_error_set(error, LUASERVE_IO, "%s: that is no server of HTTP", name);
    if (content.len == 0 || content.at[0] == '<')
        return ls_error_set(error, LUASERVE_UNAVAILABLE, "%s answered with status %d", name,
                            status);
    return ls_error_set(error, LUASERVE_UNAVAILABLE, "%s: %.*s", name, (int)content.len,
                        content.at);
}

static int is_id(const char *id)
{
    return strlen(id) == 16 && strspn(id, "0123456789abcdef") == 16;
}

int luaserve_trace(struct luaserve *s, const char *id,
                   void (*output)(void *ctx, const char *text, size_t len), void *ctx,
                   struct luaserve_error *error)
{
    const struct ls_config *c = &s->now->config;
    struct ls_buffer question = { 0 }, answer = { 0 };
    struct ls_address to;
    if (!is_id(id))
        return ls_error_set(error, LUASERVE_USAGE,
                            "expected an id of 16 hexadecimal digits (X-Request-Id), found \"%s\"",
                            id);
    if (c->status[0] == '\0')
        return ls_error_set(error, LUASERVE_CONFIG,
                            "traces are seen beneath `status`, which is false: set status = "
                            "\"/status\" and trace = true");
    if (find(c, &to, error) < 0)
        return -1;
    ls_buffer_printf(&question,
                     "GET %s/trace/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                     c->status, id);
    int err = question.failed ? -ENOMEM
                              : ask(&to, (struct ls_slice) { question.at, question.len }, &answer);
    if (err < 0)
        ls_error_set(error, err == -ENOMEM ? LUASERVE_OS : LUASERVE_UNAVAILABLE,
                     "cannot ask the server: %s", ls_net_why(err));
    else
        err = hand_on(&to, (struct ls_slice) { answer.at, answer.len }, output, ctx, error);
    ls_buffer_free(&question);
    ls_buffer_free(&answer);
    return err < 0 ? -1 : 0;
}
