#include "luaserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exchange/gzip.h"
#include "lua/handler.h"
#include "os/fault.h"
#include "os/folder.h"
#include "os/sys.h"
#include "server/server.h"
#include "server/supervisor.h"

enum { LINGER_TIMEOUT = 2000000 }; /* µs for a client to finish after our last word */

__attribute__((format(printf, 3, 4))) static int
fail(struct luaserve_error *error, enum luaserve_code code, const char *format, ...)
{
    va_list args;
    if (!error)
        return -1;
    error->code = code;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return -1;
}

static int fail_os(struct luaserve_error *error, const char *what, int err)
{
    return fail(error, LUASERVE_OS, "%s: %s", what, strerror(-err));
}

/* Every line of `faults` but its last line feed. */
static int fail_config(struct luaserve_error *error, struct ls_buffer *faults, int err)
{
    size_t len = faults->len;
    if (err == -ENOMEM || faults->failed)
        fail_os(error, "configuration", -ENOMEM);
    else
        fail(error, LUASERVE_CONFIG, "%.*s",
             (int)(len && faults->at[len - 1] == '\n' ? len - 1 : len),
             faults->at ? faults->at : "");
    ls_buffer_free(faults);
    return -1;
}

const char *luaserve_version(void)
{
    return LUASERVE_VERSION;
}

static void write_log(void *ctx, const char *line, size_t len)
{
    const struct ls_log_file *file = ctx;
    ls_sys_write(file->fd, line, len); /* nobody is left to tell when that fails */
}

struct luaserve *luaserve_new(struct luaserve_error *error)
{
    struct luaserve *s = calloc(1, sizeof *s);
    if (!s || ls_config_init(&s->config) < 0) {
        free(s);
        fail_os(error, "luaserve_new", -ENOMEM);
        return NULL;
    }
    s->log_file.fd = 2;
    s->log = (struct ls_log) { .level = LS_LOG_INFO, .sink = write_log, .ctx = &s->log_file };
    ls_output_init(&s->worker.engine.out);
    s->site.www.root = s->epoll = s->signals = s->placeholder = -1;
    return s;
}

int luaserve_config_file(struct luaserve *s, const char *path, struct luaserve_error *error)
{
    struct ls_buffer faults = { 0 };
    int err = ls_config_read(&s->config, path, &faults);
    if (err < 0)
        return fail_config(error, &faults, err);
    ls_buffer_free(&faults);
    return 0;
}

int luaserve_set(struct luaserve *s, const char *key, const char *value,
                 struct luaserve_error *error)
{
    struct ls_buffer faults = { 0 };
    int err = ls_config_set(&s->config, key, value, &faults);
    if (err < 0)
        return fail_config(error, &faults, err);
    ls_buffer_free(&faults);
    return 0;
}

/* ---- loading ---- */

static int open_log(struct luaserve *s, struct luaserve_error *error)
{
    const char *path = s->config.log.file;
    struct ls_open_how how = { .flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, .mode = 0640 };
    s->log.level = s->config.log.level;
    s->log.colour = strcmp(path, "-") == 0 && isatty(2);
    if (strcmp(path, "-") == 0)
        return 0;
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    if (fd < 0)
        return fail(error, LUASERVE_CONFIG, "log.file: cannot open %s: %s", path, strerror(-fd));
    s->log_file.fd = fd;
    return 0;
}

/* 0 with *fd -1 when a folder that nobody named is merely not there. */
static int open_www(struct luaserve *s, struct luaserve_error *error)
{
    int fd = ls_folder_open(s->config.www);
    if (fd == -ENOENT && !s->config.www_named)
        return 0;
    if (fd < 0)
        return fail(error, LUASERVE_CONFIG, "www: cannot open %s: %s", s->config.www,
                    strerror(-fd));
    s->site.www.root = fd;
    return 0;
}

static int load_gzip(struct luaserve *s, struct luaserve_error *error)
{
    if (!s->config.compress)
        return 0;
    s->gzip = ls_gzip_load();
    if (!s->gzip)
        return fail(error, LUASERVE_CONFIG,
                    "compress: needs libz.so.1, which cannot be loaded "
                    "(Debian: apt install zlib1g)");
    return 0;
}

static const char *scripts_folder(const struct luaserve *s)
{
    int fd = ls_folder_open(s->config.scripts);
    if (fd == -ENOENT && !s->config.scripts_named)
        return NULL;
    if (fd >= 0)
        ls_sys_close(fd);
    return s->config.scripts;
}

static int run_scripts(struct luaserve *s, struct luaserve_error *error)
{
    struct ls_buffer why = { 0 };
    s->router = ls_router_new();
    struct ls_lua_options options = { .scripts = scripts_folder(s),
                                      .router = s->router,
                                      .log = &s->log,
                                      .dev = s->config.dev,
                                      .version = LUASERVE_VERSION };
    int err = s->router ? ls_lua_new(&s->lua, &options, &why) : -ENOMEM;
    if (err < 0 && why.len > 0)
        fail(error, LUASERVE_CONFIG, "%.*s", (int)why.len, why.at);
    else if (err < 0)
        fail_os(error, "scripts", err);
    ls_buffer_free(&why);
    return err < 0 ? -1 : 0;
}

static void fill_site(struct luaserve *s)
{
    const struct ls_config *c = &s->config;
    struct ls_site *site = &s->site;
    site->head =
        (struct ls_head_limits) { (uint32_t)c->limits.request_line, (uint32_t)c->limits.headers,
                                  (uint32_t)c->limits.header_count };
    site->body = c->limits.body;
    site->head_timeout = c->limits.head_timeout;
    site->body_timeout = c->limits.body_timeout;
    site->idle_timeout = c->limits.idle_timeout;
    site->send_timeout = c->limits.send_timeout;
    site->min_rate = c->limits.min_rate;
    site->min_rate_after = c->limits.min_rate_after;
    site->linger_timeout = LINGER_TIMEOUT;
    site->wall = c->limits.wall;
    site->requests = c->limits.requests_per_client;
    site->router = s->router;
    site->www.index = c->index;
    site->www.listing = c->listing;
    site->www.max_age = c->max_age / 1000000;
    site->www.types = (struct ls_mime_map) { c->mime, c->mime_count };
    site->www.gzip = s->gzip;
    site->dev = c->dev;
    site->log = &s->log;
    ls_lua_handlers(s->lua, &site->handlers);
    if (ls_sys_getrandom(&site->nonce, sizeof site->nonce, 0) < 0)
        site->nonce = (uint64_t)(uintptr_t)s;
}

/* For tests: see os/fault.h. */
static int plan_faults(struct luaserve_error *error)
{
    struct ls_slice plan = ls_slice_of(getenv("LUASERVE_FAULT")), bad;
    if (plan.len > 0 && ls_fault_plan(plan, &bad) < 0)
        return fail(error, LUASERVE_CONFIG, "LUASERVE_FAULT: cannot read \"%.*s\"", (int)bad.len,
                    bad.at);
    return 0;
}

int luaserve_load(struct luaserve *s, struct luaserve_error *error)
{
    struct ls_buffer faults = { 0 };
    if (s->loaded)
        return 0;
    if (plan_faults(error) < 0)
        return -1;
    int err = ls_config_finish(&s->config, &faults);
    if (err < 0)
        return fail_config(error, &faults, err);
    ls_buffer_free(&faults);
    if (open_log(s, error) < 0 || open_www(s, error) < 0 || load_gzip(s, error) < 0 ||
        run_scripts(s, error) < 0)
        return -1;
    fill_site(s);
    s->loaded = true;
    return 0;
}

void luaserve_routes(const struct luaserve *s,
                     void (*each)(void *ctx, const char *methods, const char *pattern,
                                  const char *where),
                     void *ctx)
{
    struct ls_buffer methods = { 0 };
    for (size_t i = 0; s->loaded && i < ls_router_count(s->router); i++) {
        const struct ls_route *route = ls_router_at(s->router, i);
        ls_buffer_clear(&methods);
        ls_methods_text(route->methods, &methods);
        ls_buffer_byte(&methods, '\0');
        each(ctx, methods.failed ? "?" : methods.at, route->pattern, route->where);
    }
    ls_buffer_free(&methods);
}

/* ---- listening ---- */

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

static void describe_listener(struct ls_listener *l, const struct ls_address *bound)
{
    char text[LS_ADDRESS_TEXT];
    ls_address_text(bound, text);
    bool local = bound->name.any.sa_family == AF_UNIX;
    snprintf(l->url, sizeof l->url, "%s%s", local ? "" : "http://", text);
    snprintf(l->unix_path, sizeof l->unix_path, "%s", local ? text + strlen("unix:") : "");
    l->port = ls_address_port(bound);
}

static int listen_on(struct luaserve *s, const char *text, struct luaserve_error *error)
{
    struct ls_listener *l = &s->listeners[s->listener_count];
    struct ls_address address, bound;
    int fd = ls_address_parse(ls_slice_of(text), &address);
    if (fd == 0)
        fd = ls_net_listen(&address, (int)s->config.backlog, &bound);
    if (fd < 0)
        return fail(error, LUASERVE_UNAVAILABLE, "cannot bind %s: %s", text, why_not_bound(fd));
    l->fd = fd;
    describe_listener(l, &bound);
    s->listener_count++;
    return 0;
}

static int listen_on_host_port(struct luaserve *s, struct luaserve_error *error)
{
    char text[LS_ADDRESS_TEXT];
    const char *host = s->config.host;
    snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, (int)s->config.port);
    return listen_on(s, text, error);
}

int luaserve_listen(struct luaserve *s, struct luaserve_error *error)
{
    if (s->listening)
        return fail(error, LUASERVE_USAGE, "luaserve_listen: the server listens already");
    if (luaserve_load(s, error) < 0)
        return -1;
    int err = s->config.listen_count == 0 ? listen_on_host_port(s, error) : 0;
    for (size_t i = 0; i < s->config.listen_count && err == 0; i++)
        err = listen_on(s, s->config.listen[i], error);
    if (err < 0)
        ls_listeners_close(s);
    s->listening = err == 0;
    return err;
}

uint16_t luaserve_port(const struct luaserve *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i].port > 0)
            return s->listeners[i].port;
    return 0;
}

const char *luaserve_address(const struct luaserve *s, size_t index)
{
    return index < s->listener_count ? s->listeners[index].url : NULL;
}

/* ---- running ---- */

void luaserve_handle_signals(struct luaserve *s)
{
    s->own_signals = true;
}

void luaserve_stop(struct luaserve *s)
{
    s->stop = 1;
}

int luaserve_run(struct luaserve *s, struct luaserve_error *error)
{
    if (!s->listening)
        return fail(error, LUASERVE_USAGE, "luaserve_run: the server does not listen");
    int err = ls_supervisor_run(s);
    ls_listeners_close(s);
    return err < 0 ? fail_os(error, "cannot serve", err) : 0;
}

void luaserve_free(struct luaserve **server)
{
    struct luaserve *s = *server;
    *server = NULL;
    if (!s)
        return;
    ls_listeners_close(s);
    ls_lua_free(&s->lua);
    ls_router_free(&s->router);
    if (s->site.www.root >= 0)
        ls_sys_close(s->site.www.root);
    ls_gzip_unload(&s->gzip);
    if (s->log_file.fd > 2)
        ls_sys_close(s->log_file.fd);
    ls_config_free(&s->config);
    free(s);
}
