#include "server/confine.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "os/fault.h"
#include "os/process.h"
#include "os/sys.h"
#include "server/server.h"

/* What goes for the whole process, and for every program that it starts. */
static void limit(const struct ls_config *c, uint64_t descriptors)
{
    ls_process_limit(RLIMIT_NOFILE, descriptors);
    if (c->limits.process_memory > 0)
        ls_process_limit(RLIMIT_DATA, c->limits.process_memory);
    if (!c->processes.core_dumps)
        ls_process_limit(RLIMIT_CORE, 0);
    ls_sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void ls_confine(const struct luaserve *s, uint64_t descriptors)
{
    ls_fault_become(LS_FAULT_WORKER);
    if (!s->own_signals)
        ls_process_forget_handlers();
    ls_sys_setpgid(0, 0);
    ls_sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* without its supervisor it has no clock */
    if (ls_sys_getppid() != s->now->worker.self.supervisor)
        ls_sys_exit_group(LUASERVE_OS);
    limit(&s->now->config, descriptors);
}

void ls_confine_finish(const struct ls_generation *g, struct ls_slot *slot)
{
    ls_process_worker_signals();
    if (g->sandbox && ls_sandbox_enter(g->sandbox) < 0) {
        snprintf(slot->cause, sizeof slot->cause, "its sandbox cannot be entered");
        ls_sys_exit_group(LUASERVE_OS);
    }
}
