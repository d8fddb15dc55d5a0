#include "server/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>

#include "os/sys.h"

enum { NOBODY = -1 }; /* for the kernel: leave it as it is */

static bool is_said(const char *name)
{
    return strcmp(name, "-") != 0;
}

static bool is_number(const char *name, unsigned *number)
{
    uint64_t value;
    if (ls_slice_to_u64(ls_slice_of(name), &value) < 0 || value >= UINT32_MAX)
        return false;
    *number = (unsigned)value;
    return true;
}

/* The user, and its group where it has one of its own. */
static int find_user(const char *name, unsigned *user, unsigned *group,
                     struct luaserve_error *error)
{
    struct passwd *entry = getpwnam(name);
    if (!entry && is_number(name, user))
        return 0;
    if (!entry)
        return ls_error_set(error, LUASERVE_CONFIG, "user: there is no user \"%s\"", name);
    *user = entry->pw_uid;
    *group = entry->pw_gid;
    return 0;
}

static int find_group(const char *name, unsigned *group, struct luaserve_error *error)
{
    struct group *entry = getgrnam(name);
    if (entry)
        *group = entry->gr_gid;
    else if (!is_number(name, group))
        return ls_error_set(error, LUASERVE_CONFIG, "group: there is no group \"%s\"", name);
    return 0;
}

/* The groups first: afterwards we may no longer. */
static int become(unsigned user, unsigned group)
{
    int err = ls_sys_geteuid() == 0 ? ls_sys_setgroups(0, NULL) : 0;
    if (err == 0)
        err = ls_sys_setresgid(group, group, group);
    if (err == 0)
        err = ls_sys_setresuid(user, user, user);
    return err == 0 ? ls_sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) : err;
}

int ls_identity_take(const struct ls_config *c, struct luaserve_error *error)
{
    unsigned user = (unsigned)NOBODY, group = (unsigned)NOBODY;
    if (!is_said(c->user) && !is_said(c->group))
        return 0;
    if (is_said(c->user) && find_user(c->user, &user, &group, error) < 0)
        return -1;
    if (is_said(c->group) && find_group(c->group, &group, error) < 0)
        return -1;
    int err = become(user, group);
    return err < 0 ? ls_error_set(error, LUASERVE_OS, "cannot become user %s, group %s: %s",
                                  c->user, c->group, strerror(-err))
                   : 0;
}

bool ls_identity_is_unsafe(const struct ls_config *c)
{
    return ls_sys_geteuid() == 0 && !is_said(c->user);
}
