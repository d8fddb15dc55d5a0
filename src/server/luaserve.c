#include "luaserve.h"

#include <errno.h>
#include <stdlib.h>

#include "os/fault.h"
#include "os/sys.h"
#include "server/error.h"
#include "server/identity.h"
#include "server/schema.h"
#include "server/server.h"
#include "server/supervisor.h"

const char *luaserve_version(void)
{
    return LUASERVE_VERSION;
}

struct luaserve *luaserve_new(struct luaserve_error *error)
{
    struct luaserve *s = calloc(1, sizeof *s);
    if (s && ls_sys_getrandom(s->made_up, sizeof s->made_up, 0) == sizeof s->made_up)
        s->now = ls_generation_new(s->made_up, &s->host);
    if (!s || !s->now) {
        free(s);
        ls_error_os(error, "luaserve_new", -ENOMEM);
        return NULL;
    }
    s->pid = ls_sys_getpid();
    s->epoll = s->signals = s->placeholder = s->wake = s->timer.fd = s->pool.bell = -1;
    return s;
}

/* Once, and again at every reload. */
static int take(struct luaserve *s, const struct ls_recipe_step *step, struct luaserve_error *error)
{
    if (ls_recipe_take(step, s->now, error) < 0)
        return -1;
    int err = ls_recipe_add(&s->recipe, step);
    return err < 0 ? ls_error_os(error, step->name, err) : 0;
}

int luaserve_config_file(struct luaserve *s, const char *path, struct luaserve_error *error)
{
    const struct ls_recipe_step step = { .kind = LS_RECIPE_FILE, .name = (char *)path };
    return take(s, &step, error);
}

int luaserve_config_text(struct luaserve *s, const char *text, const char *name, const char *folder,
                         struct luaserve_error *error)
{
    const struct ls_recipe_step step = {
        .kind = LS_RECIPE_TEXT, .name = (char *)name, .dir = (char *)folder, .text = (char *)text
    };
    return take(s, &step, error);
}

int luaserve_set(struct luaserve *s, const char *key, const char *value,
                 struct luaserve_error *error)
{
    const struct ls_recipe_step step = { .kind = LS_RECIPE_KEY,
                                         .name = (char *)key,
                                         .text = (char *)value };
    return take(s, &step, error);
}

/* ---- what the program around it wants ---- */

int luaserve_route(struct luaserve *s, const char *methods, const char *pattern,
                   luaserve_handler *handler, void *user, struct luaserve_error *error)
{
    const struct ls_native native = { .handler = handler, .user = user };
    const char *why;
    if (s->now->loaded || !handler)
        return ls_error_set(error, LUASERVE_USAGE, "luaserve_route(\"%s\", \"%s\"): %s", methods,
                            pattern, handler ? "the scripts are loaded already" : "no handler");
    int err = ls_natives_add(&s->host.natives, &native, methods, pattern, &why);
    if (err == -EINVAL)
        return ls_error_set(error, LUASERVE_USAGE, "luaserve_route(\"%s\", \"%s\"): %s", methods,
                            pattern, why);
    return err < 0 ? ls_error_os(error, "luaserve_route", err) : 0;
}

void luaserve_on_state(struct luaserve *s, void (*prepare)(struct lua_State *L, void *user),
                       void *user)
{
    s->host.natives.prepare = prepare;
    s->host.natives.user = user;
}

void luaserve_on_log(struct luaserve *s, void (*log)(void *user, const char *line, size_t len),
                     void *user)
{
    s->host.log = log;
    s->host.log_user = user;
}

void luaserve_on_ended(struct luaserve *s,
                       void (*ended)(void *user, const struct luaserve_ended *ended), void *user)
{
    s->host.ended = ended;
    s->host.ended_user = user;
}

int luaserve_adopt(struct luaserve *s, int fd, struct luaserve_error *error)
{
    if (s->listening)
        return ls_error_set(error, LUASERVE_USAGE, "luaserve_adopt: the server listens already");
    return ls_listeners_adopt_one(&s->listeners, fd, error);
}

/* For tests: see os/fault.h. */
static int plan_faults(struct luaserve_error *error)
{
    struct ls_slice plan = ls_slice_of(getenv("LUASERVE_FAULT")), bad;
    if (plan.len > 0 && ls_fault_plan(plan, &bad) < 0)
        return ls_error_set(error, LUASERVE_CONFIG, "LUASERVE_FAULT: cannot read \"%.*s\"",
                            (int)bad.len, bad.at);
    return 0;
}

int luaserve_load(struct luaserve *s, struct luaserve_error *error)
{
    if (s->now->loaded)
        return 0;
    return plan_faults(error) < 0 ? -1 : ls_generation_load(s->now, error);
}

void luaserve_routes(const struct luaserve *s,
                     void (*each)(void *ctx, const char *methods, const char *pattern,
                                  const char *where),
                     void *ctx)
{
    struct ls_buffer methods = { 0 }, pattern = { 0 };
    for (size_t i = 0; s->now->loaded && i < ls_router_count(s->now->router); i++) {
        const struct ls_route *route = ls_router_at(s->now->router, i);
        ls_buffer_clear(&methods);
        ls_methods_text(route->methods, &methods);
        ls_buffer_byte(&methods, '\0');
        ls_buffer_clear(&pattern);
        ls_buffer_text(&pattern, route->host ? route->host : "");
        ls_buffer_text(&pattern, route->pattern);
        ls_buffer_byte(&pattern, '\0');
        each(ctx, methods.failed ? "?" : methods.at, pattern.failed ? "?" : pattern.at,
             route->where);
    }
    ls_buffer_free(&methods);
    ls_buffer_free(&pattern);
}

int luaserve_keys(void (*each)(void *ctx, const struct luaserve_key *key), void *ctx)
{
    size_t count;
    const struct ls_key *keys = ls_schema(&count);
    struct ls_buffer takes = { 0 };
    for (size_t i = 0; i < count; i++) {
        ls_buffer_clear(&takes);
        ls_schema_takes(&takes, &keys[i]);
        ls_buffer_byte(&takes, '\0');
        if (takes.failed)
            break;
        each(ctx,
             &(struct luaserve_key) { keys[i].name, takes.at, keys[i].fallback, keys[i].about });
    }
    bool failed = takes.failed;
    ls_buffer_free(&takes);
    return failed ? -1 : 0;
}

int luaserve_service(struct luaserve *s, struct luaserve_error *error)
{
    if (s->listening)
        return ls_error_set(error, LUASERVE_USAGE, "luaserve_service: the server listens already");
    return ls_service_begin(&s->service, &s->listeners, error);
}

/* What needs privileges comes first, then they go, and only then scripts run: so they find the same
 * at a start as at every reload. */
int luaserve_listen(struct luaserve *s, struct luaserve_error *error)
{
    if (s->listening)
        return ls_error_set(error, LUASERVE_USAGE, "luaserve_listen: the server listens already");
    const struct ls_listeners handed_over = s->listeners;
    if (ls_generation_check(s->now, error) < 0)
        return -1;
    if (ls_listeners_open(&s->listeners, &s->now->config, &handed_over, error) < 0) {
        s->listeners = handed_over;
        return -1;
    }
    if (ls_service_write_pid(&s->service, s->now->config.pidfile, error) < 0 ||
        ls_identity_take(&s->now->config, error) < 0 || luaserve_load(s, error) < 0 ||
        ls_listeners_open_services(&s->listeners, &s->now->services, &s->now->config, NULL, error) <
            0) {
        ls_listeners_close(&s->listeners, &handed_over);
        s->listeners = handed_over;
        ls_service_end(&s->service);
        return -1;
    }
    s->listening = true;
    return 0;
}

uint16_t luaserve_port(const struct luaserve *s)
{
    for (size_t i = 0; i < s->listeners.count; i++)
        if (s->listeners.all[i].port > 0)
            return s->listeners.all[i].port;
    return 0;
}

const char *luaserve_address(const struct luaserve *s, size_t index)
{
    return index < s->listeners.count ? s->listeners.all[index].url : NULL;
}

/* Blocked from here on: what comes before the server runs waits until it does. */
void luaserve_handle_signals(struct luaserve *s)
{
    const uint64_t mask = ls_supervisor_signals();
    s->own_signals = true;
    ls_sys_rt_sigprocmask(SIG_BLOCK, &mask, NULL);
}

void luaserve_stop(struct luaserve *s)
{
    if (atomic_fetch_add(&s->stop, 1) > 1)
        atomic_store(&s->stop, 2);
    ls_supervisor_wake(s);
}

void luaserve_reload(struct luaserve *s)
{
    s->asked.reload = 1;
    ls_supervisor_wake(s);
}

void luaserve_reopen_log(struct luaserve *s)
{
    s->asked.reopen = 1;
    ls_supervisor_wake(s);
}

/* Whoever forks takes along what the other threads were just holding. */
static int check_threads(struct luaserve_error *error)
{
    int threads = ls_process_threads();
    if (threads > 1)
        return ls_error_set(
            error, LUASERVE_USAGE,
            "luaserve_start: the process has %d threads, and a server forks: start it "
            "first, and the threads after it",
            threads);
    return 0;
}

int luaserve_start(struct luaserve *s, struct luaserve_error *error)
{
    if (s->life != LS_NOT_STARTED)
        return ls_error_set(error, LUASERVE_USAGE,
                            "luaserve_start: the server was started already");
    if (check_threads(error) < 0 || (!s->listening && luaserve_listen(s, error) < 0))
        return -1;
    int err = ls_supervisor_start(s);
    return err < 0 ? ls_error_os(error, "cannot serve", err) : 0;
}

/* 0 with a server that was started here. */
static int check_started(const struct luaserve *s, const char *what, struct luaserve_error *error)
{
    if (s->life == LS_NOT_STARTED)
        return ls_error_set(error, LUASERVE_USAGE, "%s: the server was not started", what);
    if (s->pid != ls_sys_getpid() || !pthread_equal(s->thread, pthread_self()))
        return ls_error_set(error, LUASERVE_USAGE,
                            "%s: only the thread that has started the server can do this", what);
    return 0;
}

int luaserve_step(struct luaserve *s, int timeout_ms, struct luaserve_error *error)
{
    if (check_started(s, "luaserve_step", error) < 0)
        return -1;
    return s->life == LS_RUNS && ls_supervisor_step(s, timeout_ms);
}

int luaserve_fd(const struct luaserve *s)
{
    return s->epoll;
}

int luaserve_run(struct luaserve *s, struct luaserve_error *error)
{
    if (s->life == LS_NOT_STARTED && luaserve_start(s, error) < 0)
        return -1;
    if (check_started(s, "luaserve_run", error) < 0)
        return -1;
    if (s->life == LS_RUNS)
        ls_supervisor_run(s);
    return 0;
}

/* In a child of the host's: the server is its parent's. */
static bool is_inherited(const struct luaserve *s)
{
    return s->pid != ls_sys_getpid();
}

static void end(struct luaserve *s)
{
    if (s->life == LS_RUNS) {
        s->stop = 2;
        ls_supervisor_run(s);
    }
    ls_listeners_close(&s->listeners, NULL);
    ls_service_end(&s->service);
    if (s->wake >= 0) /* no sooner: other threads may be about to write to it */
        ls_sys_close(s->wake);
}

void luaserve_free(struct luaserve **server)
{
    struct luaserve *s = *server;
    *server = NULL;
    if (!s)
        return;
    if (!is_inherited(s))
        end(s);
    ls_generation_free(&s->now);
    ls_recipe_free(&s->recipe);
    ls_natives_free(&s->host.natives);
    free(s);
}
