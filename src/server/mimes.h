/* `mime` of config.lua: media types by extension, beside the table that is built in. Private to
 * config.c. */
#ifndef LS_SERVER_MIMES_H
#define LS_SERVER_MIMES_H

#include "server/intake.h"

bool ls_mimes_is_key(struct ls_slice key); /* "mime.glb", `mime["7z"]` */

/* Takes one entry over, in place of an earlier one for the same extension, or says what is wrong
 * with it. */
void ls_mimes_take(struct ls_intake *in, const char *key, const struct ls_config_value *v);
void ls_mimes_free(struct ls_config *c);

#endif
