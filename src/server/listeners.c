#include "server/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "os/sys.h"

static const char *why_not_bound(int err)
{
    switch (err) {
    case -EADDRINUSE:
        return "the address is in use";
    case -EACCES:
        return "no permission (ports below 1024 need the privilege to bind them)";
    case -EADDRNOTAVAIL:
        return "the address is not one of this machine's";
    default:
        return strerror(-err);
    }
}

static void describe(struct ls_listener *l, const struct ls_address *bound)
{
    bool local = bound->name.any.sa_family == AF_UNIX;
    const char *scheme = l->service > 0 ? "tcp://" : "http://";
    ls_address_text(bound, l->bound);
    snprintf(l->url, sizeof l->url, "%s%s", local ? "" : scheme, l->bound);
    snprintf(l->unix_path, sizeof l->unix_path, "%s", local ? l->bound + strlen("unix:") : "");
    l->port = ls_address_port(bound);
}

bool ls_listeners_have(const struct ls_listeners *l, int fd)
{
    for (size_t i = 0; l && i < l->count; i++)
        if (l->all[i].fd == fd)
            return true;
    return false;
}

/* One of `old` that was wanted just so, or is bound there, and that is not yet among the `taken`;
 * NULL: none. */
static const struct ls_listener *find(const struct ls_listeners *old, const char *wanted,
                                      bool service, const struct ls_listeners *taken)
{
    struct ls_address address;
    char same[LS_ADDRESS_TEXT] = "";
    if (ls_address_parse(ls_slice_of(wanted), &address) == 0)
        ls_address_text(&address, same);
    for (size_t i = 0; old && i < old->count; i++) {
        const struct ls_listener *l = &old->all[i];
        if ((strcmp(l->wanted, wanted) == 0 || strcmp(l->bound, same) == 0) &&
            (l->service > 0) == service && !ls_listeners_have(taken, l->fd))
            return l;
    }
    return NULL;
}

static int bind_one(struct ls_listeners *l, const char *wanted, uint32_t service, int backlog,
                    struct luaserve_error *error)
{
    struct ls_listener *new = &l->all[l->count];
    struct ls_address address, bound;
    int fd = ls_address_parse(ls_slice_of(wanted), &address);
    if (fd == 0)
        fd = ls_net_listen(&address, backlog, &bound);
    if (fd < 0)
        return ls_error_set(error, LUASERVE_UNAVAILABLE, "cannot bind %s: %s", wanted,
                            why_not_bound(fd));
    *new = (struct ls_listener) { .fd = fd, .service = service };
    snprintf(new->wanted, sizeof new->wanted, "%s", wanted);
    describe(new, &bound);
    l->count++;
    return 0;
}

static int open_one(struct ls_listeners *l, const char *wanted, uint32_t service,
                    const struct ls_config *c, const struct ls_listeners *old,
                    struct luaserve_error *error)
{
    const struct ls_listener *same = find(old, wanted, service > 0, l);
    if (!same)
        return bind_one(l, wanted, service, (int)c->backlog, error);
    l->all[l->count] = *same;
    l->all[l->count].service = service;
    snprintf(l->all[l->count++].wanted, LS_ADDRESS_TEXT, "%s", wanted);
    ls_sys_listen(same->fd, (int)c->backlog); /* which may have changed */
    return 0;
}

static int open_host_port(struct ls_listeners *l, const struct ls_config *c,
                          const struct ls_listeners *old, struct luaserve_error *error)
{
    char text[LS_ADDRESS_TEXT];
    snprintf(text, sizeof text, strchr(c->host, ':') ? "[%s]:%d" : "%s:%d", c->host, (int)c->port);
    return open_one(l, text, 0, c, old, error);
}

int ls_listeners_open(struct ls_listeners *l, const struct ls_config *c,
                      const struct ls_listeners *old, struct luaserve_error *error)
{
    int err = 0;
    l->count = 0;
    if (old && old->count > 0 && !old->all[0].wanted[0]) { /* all for HTTP were handed over */
        while (l->count < old->count && old->all[l->count].service == 0) {
            l->all[l->count] = old->all[l->count];
            l->count++;
        }
        return 0;
    }
    if (c->listen_count == 0)
        err = open_host_port(l, c, old, error);
    for (size_t i = 0; i < c->listen_count && err == 0; i++)
        err = open_one(l, c->listen[i], 0, c, old, error);
    if (err < 0)
        ls_listeners_close(l, old);
    return err;
}

int ls_listeners_open_services(struct ls_listeners *l, const struct ls_services *services,
                               const struct ls_config *c, const struct ls_listeners *old,
                               struct luaserve_error *error)
{
    for (size_t i = 0; i < services->count; i++) {
        const struct ls_service_at *s = &services->all[i];
        struct luaserve_error why;
        if (open_one(l, s->address, (uint32_t)i + 1, c, old, &why) < 0)
            return ls_error_set(error, why.code, "%s: %s", s->where, why.text);
    }
    return 0;
}

static int adopt(struct ls_listener *l, int fd)
{
    struct ls_address bound;
    int err = ls_net_adopt(fd, &bound);
    if (err < 0)
        return err;
    *l = (struct ls_listener) { .fd = fd };
    describe(l, &bound);
    l->unix_path[0] = '\0'; /* whoever made it removes it */
    return 0;
}

int ls_listeners_adopt_one(struct ls_listeners *l, int fd, struct luaserve_error *error)
{
    if (l->count == LS_CONFIG_LISTENERS)
        return ls_error_set(error, LUASERVE_UNAVAILABLE,
                            "luaserve_adopt: there are %d sockets already", LS_CONFIG_LISTENERS);
    int err = adopt(&l->all[l->count], fd);
    if (err < 0)
        return ls_error_set(error, LUASERVE_UNAVAILABLE,
                            "luaserve_adopt: descriptor %d is no listening stream socket: %s", fd,
                            strerror(-err));
    l->count++;
    return 0;
}

int ls_listeners_adopt(struct ls_listeners *l, int first, int count, struct luaserve_error *error)
{
    if (count > LS_CONFIG_LISTENERS - (int)l->count)
        return ls_error_set(error, LUASERVE_UNAVAILABLE,
                            "LISTEN_FDS: expected at most %d sockets, found %d",
                            LS_CONFIG_LISTENERS, count);
    for (int i = 0; i < count; i++) {
        int err = adopt(&l->all[l->count], first + i);
        if (err < 0)
            return ls_error_set(error, LUASERVE_UNAVAILABLE,
                                "LISTEN_FDS: descriptor %d is no listening stream socket: %s",
                                first + i, strerror(-err));
        l->count++;
    }
    return 0;
}

/* The file of a Unix socket goes first: as soon as nobody listens there, the next server may put
 * its own in the place. Workers of another server of this process may have inherited what we have bound;
 * nobody is to wait for them. What was handed over to us others may go on with. */
void ls_listeners_close(struct ls_listeners *l, const struct ls_listeners *but)
{
    for (size_t i = 0; i < l->count; i++) {
        if (ls_listeners_have(but, l->all[i].fd))
            continue;
        if (l->all[i].unix_path[0])
            ls_sys_unlink(l->all[i].unix_path);
        if (l->all[i].wanted[0])
            ls_sys_shutdown(l->all[i].fd, SHUT_RD);
        ls_sys_close(l->all[i].fd);
    }
    l->count = 0;
}
