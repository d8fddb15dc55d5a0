#include "server/reload.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/children.h"
#include "server/server.h"
#include "server/supervisor.h"

enum { GRACE = 1000000 }; /* µs beyond limits.load: a Lua loop is ended, and told of, before */

static void tell_failure(struct luaserve *s, const char *why)
{
    ls_tally(&ls_tallies_of(s)->failed_reloads, 1);
    ls_log_block(&s->now->log, LS_LOG_ERROR, why,
                 "reload failed, generation %u goes on:", s->now->site.generation);
}

/* ---- trying ---- */

static int make(const struct luaserve *s, struct ls_generation **made, struct luaserve_error *error)
{
    struct ls_generation *g = *made = ls_generation_new(s->made_up, &s->host);
    if (!g)
        return ls_error_os(error, "reload", -ENOMEM);
    g->mode = s->mode;
    int err = ls_recipe_follow(&s->recipe, g, error);
    if (err == 0)
        err = ls_generation_load(g, error);
    if (err < 0)
        ls_generation_free(made);
    return err;
}

/* What scripts print while they load is to come out once: it does when it is done in earnest. */
static _Noreturn void try(struct luaserve *s)
{
    struct ls_generation *g;
    int supervisor = s->now->worker.self.supervisor;
    if (ls_fds_leave(&s->fds) < 0)
        ls_sys_exit_group(LUASERVE_OS);
    ls_sys_setpgid(0, 0);
    ls_sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (ls_sys_getppid() != supervisor)
        ls_sys_exit_group(LUASERVE_OS);
    if (!s->own_signals)
        ls_process_forget_handlers();
    ls_process_worker_signals();
    if (s->fds.filled_count > 0)
        ls_sys_dup3(s->fds.filled[0], 1, 0);
    ls_fds_make_room(&s->fds);
    if (make(s, &g, s->reload.verdict) < 0)
        ls_sys_exit_group((int)s->reload.verdict->code);
    ls_generation_free(&g); /* finalizers too may fail to end */
    ls_sys_exit_group(0);
}

static struct luaserve_error *map_verdict(void)
{
    void *at = ls_sys_mmap(NULL, sizeof(struct luaserve_error), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return ls_sys_bad(at) < 0 ? NULL : at;
}

static void not_begun(struct luaserve *s, const char *why)
{
    tell_failure(s, why);
    ls_service_notify(&s->service, "READY=1");
}

void ls_reload_begin(struct luaserve *s)
{
    struct ls_reload *r = &s->reload;
    r->again = r->pid > 0;
    if (r->again)
        return;
    ls_service_notify_reload(&s->service);
    if (s->now->lua->of_program) {
        not_begun(s, "the handlers are the program's own: start it again");
        return;
    }
    if (!r->verdict)
        r->verdict = map_verdict();
    if (!r->verdict) {
        not_begun(s, strerror(ENOMEM));
        return;
    }
    memset(r->verdict, 0, sizeof *r->verdict);
    ls_process_flush();
    int pid = ls_children_fork(s, CLONE_FILES);
    if (pid == 0)
        try(s);
    if (pid < 0) {
        not_begun(s, strerror(-pid));
        return;
    }
    r->pid = pid;
    r->late = false;
    r->until = ls_clock_us() + s->now->config.limits.load + GRACE;
}

bool ls_reload_for_change(struct luaserve *s)
{
    struct ls_reload *r = &s->reload;
    if (!s->now->config.dev || s->now->lua->of_program)
        return false;
    uint64_t digest = ls_generation_digest(s->now);
    if (r->pid == 0 && digest != s->now->digest && digest != r->tried) {
        r->tried = digest;
        ls_reload_begin(s);
    }
    return r->pid > 0;
}

uint64_t ls_reload_look(struct luaserve *s, uint64_t now)
{
    struct ls_reload *r = &s->reload;
    if (r->pid == 0 || r->late)
        return 0;
    if (now < r->until)
        return r->until;
    r->late = true;
    if (ls_sys_kill(-r->pid, SIGKILL) == -ESRCH)
        ls_sys_kill(r->pid, SIGKILL);
    return 0;
}

void ls_reload_drop(struct luaserve *s)
{
    struct ls_reload *r = &s->reload;
    int status;
    if (r->pid > 0) {
        ls_sys_kill(-r->pid, SIGKILL);
        ls_sys_kill(r->pid, SIGKILL);
        ls_sys_wait4(r->pid, &status, __WALL, NULL);
    }
    if (r->verdict)
        ls_sys_munmap(r->verdict, sizeof *r->verdict);
    *r = (struct ls_reload) { .pid = 0 };
}

/* ---- in earnest ---- */

/* What only the next start of the process can change. */
static void warn_of_fixed(const struct luaserve *s, const struct ls_config *new)
{
    if (new->processes.max_clients != s->max_clients)
        ls_log(&s->now->log, LS_LOG_WARN,
               "reload: processes.max_clients stays %u until the next start", s->max_clients);
    if (new->trace != (s->tracing.all != NULL))
        ls_log(&s->now->log, LS_LOG_WARN, "reload: trace stays %s until the next start",
               new->trace ? "false" : "true");
    const struct ls_mode *mode = ls_mode_of(new);
    if (mode != s->mode)
        ls_log(&s->now->log, LS_LOG_WARN, "reload: processes.mode stays %s until the next start",
               s->mode->name);
}

static int make_in_earnest(struct luaserve *s, struct ls_generation **made,
                           struct ls_listeners *listeners, struct luaserve_error *error)
{
    ls_fds_make_room(&s->fds);
    int err = make(s, made, error);
    if (err == 0) {
        int failure = ls_generation_prepare(*made);
        err = failure < 0 ? ls_error_os(error, "reload", failure) : 0;
    }
    ls_fds_fill(&s->fds, s->placeholder);
    if (err == 0)
        err = ls_listeners_open(listeners, &(*made)->config, &s->listeners, error);
    if (err == 0) {
        err = ls_listeners_open_services(listeners, &(*made)->services, &(*made)->config,
                                         &s->listeners, error);
        if (err < 0)
            ls_listeners_close(listeners, &s->listeners);
    }
    if (err < 0)
        ls_generation_free(made);
    return err;
}

static void take_over(struct luaserve *s, struct ls_generation *g,
                      const struct ls_listeners *listeners)
{
    struct ls_generation *old = s->now;
    ls_generation_share(g, s->shared, old->site.generation + 1);
    ls_accounting_serve(s, g);
    g->site.nonce = old->site.nonce; /* so the ids of clients of both stay what they are */
    warn_of_fixed(s, &g->config);
    s->now = g;
    ls_supervisor_hide(s);
    atomic_store(&s->shared->newest, g->site.generation);
    s->mode->renew(s, listeners);
    ls_timetable_renew(s);
    ls_generation_free(&old);
    ls_fds_fill(&s->fds, s->placeholder);
    ls_tally(&ls_tallies_of(s)->reloads, 1);
    ls_log(&g->log, LS_LOG_INFO, "reloaded: generation %u", g->site.generation);
}

static void tell_death(struct luaserve *s, int status)
{
    char text[160];
    if (s->reload.late)
        snprintf(text, sizeof text, "loading did not end within limits.load: killed");
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "the process that tried it was killed by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "the process that tried it ended with exit status %d",
                 WEXITSTATUS(status));
    tell_failure(s, text);
}

bool ls_reload_ended(struct luaserve *s, int pid, int status)
{
    struct ls_reload *r = &s->reload;
    struct ls_generation *made;
    struct ls_listeners listeners;
    if (pid != r->pid)
        return false;
    r->pid = 0;
    if (r->verdict->code != LUASERVE_OK)
        tell_failure(s, r->verdict->text);
    else if (status != 0 || r->late)
        tell_death(s, status);
    else if (make_in_earnest(s, &made, &listeners, r->verdict) < 0)
        tell_failure(s, r->verdict->text);
    else
        take_over(s, made, &listeners);
    ls_fds_fill(&s->fds, s->placeholder);
    if (r->again)
        ls_reload_begin(s);
    else
        ls_service_notify(&s->service, "READY=1");
    return true;
}
