/* One value on its way into struct ls_config, and the lines that say why it cannot go there.
 * Private to config.c, which knows where values come from. */
#ifndef LS_SERVER_INTAKE_H
#define LS_SERVER_INTAKE_H

#include "lua/configfile.h"
#include "server/config.h"
#include "server/schema.h"

enum ls_origin { LS_BY_DEFAULT, LS_BY_FILE, LS_BY_CALL }; /* who set a key last */

struct ls_intake { /* one run over a file, or one key set */
    struct ls_config *c;
    enum ls_origin origin;
    const char *file; /* begins each fault; NULL: none */
    const char *dir;  /* relative paths start here; NULL: they stay as they are */
    struct ls_buffer *faults;
    size_t fault_count;
    size_t listeners; /* elements of the list seen in this run, sound or not */
    int err;          /* -ENOMEM, or 0 */
};

/* "config.lua: limits.wall: ", behind which the caller says the rest and ends the line; false
 * when there have been so many faults that this one is only counted. */
bool ls_intake_begin(struct ls_intake *in, const char *key);
void ls_intake_fault(struct ls_intake *in, const char *key, const char *rest);
void ls_intake_unknown(struct ls_intake *in, const char *key);

/* Expected this, found that. `expected` NULL: what the schema says of `k`. */
void ls_intake_wrong(struct ls_intake *in, const char *key, const struct ls_key *k,
                     const char *expected, const struct ls_config_value *v);
void ls_intake_end(struct ls_intake *in); /* says how many faults were only counted */

/* Any kind but a list. False: not what the key takes, and nothing is changed. */
bool ls_intake_store(struct ls_intake *in, const struct ls_key *k, const struct ls_config_value *v);
void ls_intake_mark(struct ls_intake *in, const struct ls_key *k); /* as set by in->origin */

bool ls_intake_is_text(const struct ls_config_value *v); /* not empty, no NUL */

/* A copy; the relative path of a Unix socket starts from in->dir. NULL: -ENOMEM in in->err. */
char *ls_intake_listener(struct ls_intake *in, struct ls_slice text);

#endif
