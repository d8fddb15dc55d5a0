#include "server/warden.h"

#include <errno.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "os/own.h"
#include "os/sys.h"
#include "server/accounting.h"
#include "server/children.h"
#include "server/death.h"
#include "server/side.h"

enum { LEFT_GRACE = 3000000 }; /* µs for a writer whose reader has ended to look up */

static struct ls_sides *sides(const struct luaserve *s)
{
    return &s->shared->sides;
}

static struct ls_slot *slot_of(const struct luaserve *s, uint32_t place)
{
    return &s->shared->slots[sides(s)->first + place];
}

static size_t size(const struct luaserve *s)
{
    return sides(s)->count * sizeof(struct ls_ward);
}

int ls_warden_open(struct luaserve *s)
{
    s->warden.all = ls_own_new(size(s));
    return s->warden.all ? 0 : -ENOMEM;
}

void ls_warden_close(struct luaserve *s)
{
    ls_own_free(s->warden.all, s->warden.all ? size(s) : 0);
    s->warden.all = NULL;
}

/* With its process group. The number stands in memory that workers can write to: whoever is not our child is
 * left alone. False: it has ended already. */
static bool kill_kind(int pid, int kind)
{
    siginfo_t info = { .si_signo = 0 };
    if (ls_sys_waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | kind, NULL) < 0 ||
        info.si_pid > 0)
        return false;
    if (ls_sys_kill(-pid, SIGKILL) == -ESRCH)
        ls_sys_kill(pid, SIGKILL);
    return true;
}

static bool kill_side(int pid)
{
    return kill_kind(pid, 0);
}

static bool kill_quiet_side(int pid) /* and no child of the host's */
{
    return kill_kind(pid, (int)__WCLONE);
}

static bool (*killer(const struct luaserve *s))(int pid)
{
    return s->fork.exit_signal ? kill_side : kill_quiet_side;
}

static void end(struct luaserve *s, uint32_t place, int pid, const char *why, enum ls_cause cause)
{
    s->warden.all[place].cause = cause;
    s->warden.all[place].why = why;
    killer(s)(pid);
}

/* ---- budgets ---- */

static uint64_t look_at(struct luaserve *s, uint32_t place, int pid, uint64_t now)
{
    struct ls_slot *slot = slot_of(s, place);
    uint64_t word = atomic_load(&slot->word), deadline = atomic_load(&slot->deadline);
    if (ls_slot_phase(word) != LS_PHASE_HANDLER || deadline == 0)
        return UINT64_MAX;
    uint64_t next = ls_watch_look(&s->warden.all[place].watch, slot, pid,
                                  &sides(s)->all[place].side->self, word, deadline, now);
    if (next <= now)
        end(s, place, pid, "handler did not end when interrupted: killed",
            ls_accounting_overrun(s, slot));
    return next > now ? next : UINT64_MAX;
}

uint64_t ls_warden_look(struct luaserve *s, uint64_t now)
{
    uint64_t next = now + s->shortest; /* of handlers that begin after this look */
    if (atomic_load(&sides(s)->taken) == 0)
        return 0;
    if (now < s->warden.look_at && s->warden.look_at < next)
        return s->warden.look_at;
    for (uint32_t i = 0; i < ls_sides_top(sides(s)); i++) {
        int pid = ls_sides_pid(sides(s), i);
        uint64_t at = pid > 0 ? look_at(s, i, pid, now) : UINT64_MAX;
        next = at < next ? at : next;
    }
    next = next > now + LS_WATCH_RESOLUTION ? next : now + LS_WATCH_RESOLUTION;
    return s->warden.look_at = next;
}

/* ---- the end ---- */

/* The first process of that client, if it has not noticed, may be at something that is not ours to wake: then
 * its time is short. The slot may be another client's by now. */
static void hurry(struct luaserve *s, uint32_t place)
{
    uint32_t owner = ls_sides_owner(sides(s), place);
    if (owner == 0 || owner > sides(s)->first || s->mode != &ls_mode_fork)
        return;
    struct ls_slot *slot = &s->shared->slots[owner - 1];
    if (slot->client != slot_of(s, place)->client || !ls_sides_is_wanted(sides(s), place))
        return;
    uint64_t deadline = atomic_load(&slot->deadline), until = ls_clock_us() + LEFT_GRACE;
    atomic_store(&slot->left, 1);
    if (deadline > until)
        atomic_compare_exchange_strong(&slot->deadline, &deadline, until);
    if (!ls_sides_is_wanted(sides(s), place)) { /* it has just noticed */
        atomic_store(&slot->left, 0);
        atomic_compare_exchange_strong(&slot->deadline, &until, deadline);
    }
    s->look_at = 0;
}

bool ls_warden_ended(struct luaserve *s, int pid, const struct ls_death *death)
{
    int64_t found = ls_sides_find(sides(s), pid);
    if (found < 0)
        return false;
    uint32_t place = (uint32_t)found, number = sides(s)->first + place + 1;
    struct ls_ward *ward = &s->warden.all[place];
    bool wanted = ls_sides_is_wanted(sides(s), place);
    if (wanted && (death->status != 0 || ward->why)) {
        ls_death_log_side(s, slot_of(s, place), pid, ward->why, death);
        ls_accounting_death(s, death, ward->cause);
    }
    hurry(s, place);
    ls_commons_recover(&s->shared->commons, number); /* before another one has the number */
    atomic_store(&slot_of(s, place)->word, ls_slot_word(0, LS_PHASE_FREE));
    *ward = (struct ls_ward) { .why = NULL };
    ls_sides_leave(sides(s), place);
    return true;
}

void ls_warden_orphan(struct luaserve *s, uint32_t owner)
{
    ls_births_take(&s->shared->births, owner, ls_children_adopt, s);
    ls_sides_orphan(sides(s), owner, killer(s));
}

void ls_warden_ring(struct luaserve *s)
{
    for (uint32_t i = 0; i < ls_sides_top(sides(s)); i++) {
        int pid = ls_sides_pid(sides(s), i);
        if (pid > 0)
            ls_bell_ring(pid);
    }
}

void ls_warden_end(struct luaserve *s, const char *why)
{
    for (uint32_t i = 0; i < ls_sides_top(sides(s)); i++) {
        int pid = ls_sides_pid(sides(s), i);
        if (pid > 0)
            end(s, i, pid, why, LS_CAUSE_STOP);
    }
}

bool ls_warden_is_empty(const struct luaserve *s)
{
    return ls_sides_are_empty(sides(s));
}
