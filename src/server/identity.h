/* Whom the server runs as: user and group of the configuration. */
#ifndef LS_SERVER_IDENTITY_H
#define LS_SERVER_IDENTITY_H

#include "server/config.h"
#include "server/error.h"

/* Becomes them for good, with no other group; afterwards no program that is started gains privileges
 * either. Nothing to do when neither is configured. 0, or -1 with *error. */
int ls_identity_take(const struct ls_config *c, struct luaserve_error *error);

/* Is this root, though nobody said so? */
bool ls_identity_is_unsafe(const struct ls_config *c);

#endif
