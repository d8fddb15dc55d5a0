#include "server/generation.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "exchange/gzip.h"
#include "lua/handler.h"
#include "os/folder.h"
#include "os/process.h"
#include "os/sys.h"
#include "os/whole.h"
#include "server/error.h"
#include "server/mode.h"

enum { LINGER_TIMEOUT = 2000000 }; /* µs for a client to finish after our last word */

static void tell_host(void *ctx, const char *line, size_t len)
{
    const struct ls_host *host = ctx;
    host->log(host->log_user, line, len);
}

struct ls_generation *ls_generation_new(const char made_up[LS_SECRET_MADE],
                                        const struct ls_host *host)
{
    struct ls_generation *g = calloc(1, sizeof *g);
    if (!g || ls_config_init(&g->config) < 0) {
        free(g);
        return NULL;
    }
    g->made_up = made_up;
    g->host = host;
    g->log_file.fd = 2;
    g->log =
        (struct ls_log) { .level = LS_LOG_INFO, .sink = ls_log_file_write, .ctx = &g->log_file };
    g->access_file.fd = 1;
    g->site.www.root = -1;
    ls_output_init(&g->worker.engine.out);
    return g;
}

void ls_generation_free(struct ls_generation **generation)
{
    struct ls_generation *g = *generation;
    *generation = NULL;
    if (!g)
        return;
    ls_worker_free(&g->worker);
    ls_lua_free(&g->lua);
    ls_router_free(&g->router);
    ls_mounts_free(&g->mounts);
    ls_services_free(&g->services);
    ls_schedules_free(&g->schedules);
    if (g->site.www.root >= 0)
        ls_sys_close(g->site.www.root);
    ls_gzip_unload(&g->gzip);
    ls_shelf_free(&g->shelf);
    ls_sandbox_free(&g->sandbox);
    ls_log_file_close(&g->log_file);
    ls_log_file_close(&g->access_file);
    ls_config_free(&g->config);
    free(g);
}

int ls_generation_file(struct ls_generation *g, const char *path, struct luaserve_error *error)
{
    struct ls_buffer faults = { 0 };
    int err = ls_config_read(&g->config, path, &faults);
    if (err < 0)
        return ls_error_config(error, &faults, err);
    ls_buffer_free(&faults);
    return 0;
}

int ls_generation_text(struct ls_generation *g, const struct ls_config_text *text,
                       struct luaserve_error *error)
{
    struct ls_buffer faults = { 0 };
    int err = ls_config_read_text(&g->config, text, &faults);
    if (err < 0)
        return ls_error_config(error, &faults, err);
    ls_buffer_free(&faults);
    return 0;
}

int ls_generation_set(struct ls_generation *g, const char *key, const char *value,
                      struct luaserve_error *error)
{
    struct ls_buffer faults = { 0 };
    int err = ls_config_set(&g->config, key, value, &faults);
    if (err < 0)
        return ls_error_config(error, &faults, err);
    ls_buffer_free(&faults);
    return 0;
}

/* ---- loading ---- */

static int open_log(struct ls_generation *g, struct luaserve_error *error)
{
    const char *path = g->config.log.file;
    g->log.level = g->config.log.level;
    if (g->host->log) {
        g->log.sink = tell_host;
        g->log.ctx = (void *)g->host;
        return 0;
    }
    g->log.colour = strcmp(path, "-") == 0 && isatty(2);
    return ls_log_file_open(&g->log_file, path, "log.file", error);
}

static int open_access_log(struct ls_generation *g, struct luaserve_error *error)
{
    const enum ls_access_format format = g->config.log.access;
    g->access = (struct ls_access) { format, ls_log_file_write, ls_log_file_has, &g->access_file };
    if (format == LS_ACCESS_NONE)
        return 0;
    return ls_log_file_open(&g->access_file, g->config.log.access_file, "log.access_file", error);
}

/* 0 with *fd -1 when a folder that nobody named is merely not there. */
static int open_www(struct ls_generation *g, struct luaserve_error *error)
{
    int fd = ls_folder_open(g->config.www);
    if (fd == -ENOENT && !g->config.www_named)
        return 0;
    if (fd < 0)
        return ls_error_set(error, LUASERVE_CONFIG, "www: cannot open %s: %s", g->config.www,
                            strerror(-fd));
    g->site.www.root = fd;
    return 0;
}

static int load_gzip(struct ls_generation *g, struct luaserve_error *error)
{
    if (!g->config.compress)
        return 0;
    g->gzip = ls_gzip_load();
    if (!g->gzip)
        return ls_error_set(error, LUASERVE_CONFIG,
                            "compress: needs libz.so.1, which cannot be loaded "
                            "(Debian: apt install zlib1g)");
    return 0;
}

static int make_sandbox(struct ls_generation *g, struct luaserve_error *error)
{
    int err = ls_sandbox_new(&g->config.sandbox, &g->sandbox);
    if (err == -ENOSYS)
        return ls_error_set(error, LUASERVE_CONFIG,
                            "sandbox: needs libseccomp.so.2, which cannot be loaded, and a kernel "
                            "with seccomp filters (Debian: apt install libseccomp2)");
    return err < 0 ? ls_error_os(error, "sandbox", err) : 0;
}

/* NULL: nobody named it, and it is merely not there. */
static const char *folder_if_there(const char *path, bool named)
{
    int fd = ls_folder_open(path);
    if (fd == -ENOENT && !named)
        return NULL;
    if (fd >= 0)
        ls_sys_close(fd);
    return path;
}

static void gather_secrets(struct ls_generation *g)
{
    struct ls_secrets *secrets = &g->secrets;
    for (secrets->count = 0; secrets->count < g->config.secret.count; secrets->count++)
        secrets->all[secrets->count] = ls_slice_of(g->config.secret.all[secrets->count]);
    secrets->made_up = secrets->count == 0;
    if (secrets->made_up)
        secrets->all[secrets->count++] = (struct ls_slice) { g->made_up, LS_SECRET_MADE };
}

_Static_assert((int)LS_SECRETS >= (int)LS_CONFIG_TEXTS, "all that are configured have room");

static int told(struct ls_buffer *why, int err, struct luaserve_error *error)
{
    if (err < 0 && why->len > 0)
        ls_error_set(error, LUASERVE_CONFIG, "%.*s", (int)why->len, why->at);
    else if (err < 0)
        ls_error_os(error, "scripts", err);
    ls_buffer_free(why);
    return err < 0 ? -1 : 0;
}

int ls_generation_adopt(struct ls_generation *g, lua_State *program, const luaL_Reg *functions,
                        void *ctx, struct luaserve_error *error)
{
    struct ls_buffer why = { 0 };
    g->router = ls_router_new();
    const struct ls_lua_options options = { .router = g->router,
                                            .mounts = &g->mounts,
                                            .services = &g->services,
                                            .schedules = &g->schedules,
                                            .log = &g->log,
                                            .secrets = &g->secrets,
                                            .version = LUASERVE_VERSION,
                                            .program = functions,
                                            .program_ctx = ctx };
    int err = g->router ? ls_lua_adopt(&g->lua, program, &options, &why) : -ENOMEM;
    return told(&why, err, error);
}

/* A program's are its own; it says so when it wants others too. */
static const char *scripts_of(const struct ls_generation *g)
{
    const struct ls_config *c = &g->config;
    return g->lua && !c->scripts_named ? NULL : folder_if_there(c->scripts, c->scripts_named);
}

static int run_scripts(struct ls_generation *g, struct luaserve_error *error)
{
    struct ls_buffer why = { 0 };
    if (!g->router)
        g->router = ls_router_new();
    gather_secrets(g);
    struct ls_lua_options options = { .scripts = scripts_of(g),
                                      .views =
                                          folder_if_there(g->config.views, g->config.views_named),
                                      .base = g->config.dir,
                                      .router = g->router,
                                      .mounts = &g->mounts,
                                      .services = &g->services,
                                      .schedules = &g->schedules,
                                      .log = &g->log,
                                      .secrets = &g->secrets,
                                      .session_cookie = g->config.session.cookie,
                                      .session_max_age = g->config.session.max_age,
                                      .status = g->config.status,
                                      .metrics = g->config.metrics,
                                      .mode = (g->mode ? g->mode : ls_mode_of(&g->config))->name,
                                      .dev = g->config.dev,
                                      .alone = !g->config.sandbox.processes,
                                      .load_until = ls_clock_us() + g->config.limits.load,
                                      .version = LUASERVE_VERSION,
                                      .natives = &g->host->natives };
    int err = !g->router ? -ENOMEM
              : g->lua   ? ls_lua_load(g->lua, &options, &why)
                         : ls_lua_new(&g->lua, &options, &why);
    return told(&why, err, error);
}

static size_t read_networks(const struct ls_texts *texts, struct ls_network *networks)
{
    for (uint64_t i = 0; i < texts->count; i++)
        ls_network_parse(ls_slice_of(texts->all[i]), &networks[i]); /* it was checked */
    return texts->count;
}

static void fill_site(struct ls_generation *g)
{
    const struct ls_config *c = &g->config;
    struct ls_site *site = &g->site;
    site->head =
        (struct ls_head_limits) { (uint32_t)c->limits.request_line, (uint32_t)c->limits.headers,
                                  (uint32_t)c->limits.header_count };
    site->limits = (struct ls_limits) { .body = c->limits.body,
                                        .wall = c->limits.wall,
                                        .cpu = c->limits.cpu,
                                        .memory = c->limits.memory,
                                        .body_timeout = c->limits.body_timeout,
                                        .send_timeout = c->limits.send_timeout,
                                        .live_timeout = c->limits.live_timeout };
    site->head_timeout = c->limits.head_timeout;
    site->idle_timeout = c->limits.idle_timeout;
    site->min_rate = c->limits.min_rate;
    site->min_rate_after = c->limits.min_rate_after;
    site->linger_timeout = LINGER_TIMEOUT;
    site->requests = c->dev ? 1 : c->limits.requests_per_client; /* what changed is seen at once */
    site->router = g->router;
    site->mounts = &g->mounts;
    site->services = &g->services;
    site->schedules = &g->schedules;
    site->www.index = c->index;
    site->www.listing = c->listing;
    site->www.max_age = c->max_age / 1000000;
    site->www.types = (struct ls_mime_map) { c->mime, c->mime_count };
    site->www.gzip = g->gzip;
    g->shelf.settled = LS_SHELF_SETTLED;
    site->www.shelf = &g->shelf;
    site->trusted = g->trusted;
    site->trusted_count = read_networks(&c->trusted_proxies, g->trusted);
    site->observers = g->observers;
    site->observer_count = read_networks(&c->observers, g->observers);
    site->dev = c->dev;
    site->access = c->log.access != LS_ACCESS_NONE ? &g->access : NULL;
    site->counts = c->metrics[0] != '\0';
    site->log = &g->log;
    ls_lua_handlers(g->lua, &site->handlers);
    if (ls_sys_getrandom(&site->nonce, sizeof site->nonce, 0) < 0)
        site->nonce = (uint64_t)(uintptr_t)g;
}

int ls_generation_reset(struct ls_generation *g)
{
    if (g->loading)
        return -EBUSY;
    ls_config_free(&g->config);
    return ls_config_init(&g->config);
}

int ls_generation_check(struct ls_generation *g, struct luaserve_error *error)
{
    struct ls_buffer faults = { 0 };
    int err = ls_config_finish(&g->config, &faults);
    if (err < 0)
        return ls_error_config(error, &faults, err);
    ls_buffer_free(&faults);
    return 0;
}

/* Whoever starts it in a wrong folder would only see 404. */
static void warn_of_nothing(const struct ls_generation *g)
{
    if (g->site.www.root < 0 && ls_router_count(g->router) == 0 && g->services.count == 0 &&
        g->schedules.count == 0)
        ls_log(&g->log, LS_LOG_WARN,
               "nothing to serve: there is no folder %s, and no %s%s; every request gets 404",
               g->config.www, g->lua->of_program ? "route" : "script in ",
               g->lua->of_program ? "" : g->config.scripts);
}

uint64_t ls_generation_digest(const struct ls_generation *g)
{
    const struct ls_config *c = &g->config;
    return (c->file ? ls_whole_digest(c->file) : 0) + ls_whole_digest(c->scripts) +
           ls_whole_digest(c->views);
}

int ls_generation_load(struct ls_generation *g, struct luaserve_error *error)
{
    g->loading = true;
    if (g->config.dev)
        g->digest = ls_generation_digest(g);
    if (ls_generation_check(g, error) < 0 || open_log(g, error) < 0 ||
        open_access_log(g, error) < 0 || open_www(g, error) < 0 || load_gzip(g, error) < 0 ||
        make_sandbox(g, error) < 0 || run_scripts(g, error) < 0)
        return -1;
    fill_site(g);
    if (ls_mounts_settle(&g->mounts, &g->site.www) < 0)
        return ls_error_os(error, "scripts", -ENOMEM);
    warn_of_nothing(g);
    g->loaded = true;
    return 0;
}

/* Under which number each route is counted, whoever has been reloaded. */
static void number_routes(struct ls_generation *g, struct ls_metrics *metrics)
{
    for (size_t i = 0; i < ls_router_count(g->router); i++) {
        const struct ls_route *route = ls_router_at(g->router, i);
        ls_router_set_series(g->router, i, ls_metrics_route(metrics, route->host, route->pattern));
    }
}

static void ask_for_age(struct ls_log_file *file, const struct ls_shared *shared)
{
    file->now = shared ? &shared->log_age : NULL;
    file->age = shared ? atomic_load(&shared->log_age) : 0;
}

void ls_generation_share(struct ls_generation *g, struct ls_shared *shared, uint32_t number)
{
    g->site.tls_told = shared ? &shared->tls_told : NULL;
    g->site.secret_told = shared ? &shared->secret_told : NULL;
    g->site.newest = shared ? &shared->newest : NULL;
    g->site.generation = number;
    g->site.traced = shared && shared->commons.ledgers;
    ask_for_age(&g->log_file, shared);
    ask_for_age(&g->access_file, shared);
    if (shared)
        number_routes(g, shared->commons.metrics);
}

/* The first small blocks that a worker allocates lie together, on pages that it is the first to write. */
static void gather_memory(void)
{
    enum { SIZES = 16, STEP = 16, OF_EACH = 3 };
    void *blocks[SIZES * OF_EACH];
    malloc_trim(0); /* merges what was freed, which each worker would do again, page by page */
    for (int i = 0; i < SIZES * OF_EACH; i++)
        blocks[i] = malloc((size_t)(i / OF_EACH + 1) * STEP);
    for (int i = SIZES * OF_EACH; i-- > 0;)
        free(blocks[i]);
}

int ls_generation_prepare(struct ls_generation *g)
{
    int err = ls_worker_prepare(&g->worker, &g->site, g->lua);
    ls_lua_settle(g->lua, g->config.limits.memory);
    if (err == 0)
        ls_lua_warm(g->lua, &g->worker.engine);
    gather_memory();
    ls_process_flush(); /* what scripts have printed; the supervisor itself writes nothing that way */
    return err;
}
