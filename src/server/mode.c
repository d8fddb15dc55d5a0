#include "server/mode.h"

#include "server/config.h"

const struct ls_mode *ls_mode_of(const struct ls_config *c)
{
    return c->processes.mode == LS_MODE_POOL && !c->dev ? &ls_mode_pool : &ls_mode_fork;
}
