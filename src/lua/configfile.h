/* Runs a config file in a Lua state of its own and hands its table over, entry by entry.
 * It knows no key: what an entry means is the receiver's business (server/config.c).
 *
 * The file sees no globals but `env` (the environment variables, read-only) and Lua's pure
 * standard library: string, table, math, utf8, and of the basic functions those that neither
 * read files nor load code nor print. (Not xpcall, nor a metatable with __gc: no hook can end
 * what runs there.) A file that does not end (an endless loop) or that asks for more than 16 MiB
 * is a fault like any other. A single call of a C function that takes for ever, such as
 * string.find with a hostile pattern, is not ended. */
#ifndef LS_LUA_CONFIGFILE_H
#define LS_LUA_CONFIGFILE_H

#include "base/buffer.h"

enum ls_config_type {
    LS_CONFIG_BOOLEAN,
    LS_CONFIG_INTEGER,
    LS_CONFIG_NUMBER,
    LS_CONFIG_STRING,
    LS_CONFIG_TABLE,
    LS_CONFIG_OTHER
};

struct ls_config_value {
    enum ls_config_type type;
    bool boolean;
    int64_t integer;
    double number;        /* also set for integers */
    struct ls_slice text; /* of strings; of other types their Lua type name ("function") */
};

/* `key` is dotted: "port", "limits.wall", "listen[1]"; an array's elements come in order, each as
 * a key of its own, then the named entries in the order of their names. A table value is
 * announced (type TABLE) before its entries; the receiver answers true to have its entries too.
 * A name that is no identifier is written as in Lua, on one line: `limits["a b"]`. A key that is
 * no string or integer comes as "limits.<boolean key>" with type OTHER. */
typedef bool ls_config_entry(void *ctx, const char *key, const struct ls_config_value *value);

/* 0; or -EINVAL (syntax or runtime error, result that is no table), -ENOENT … (file), -EFBIG (over
 * 16 MiB), -ENOMEM, with one line in `fault`, which begins with the path. */
int ls_configfile_read(const char *path, ls_config_entry *entry, void *ctx,
                       struct ls_buffer *fault);

/* The same of a text, which is called by that name. */
int ls_configfile_read_text(const char *name, struct ls_slice text, ls_config_entry *entry,
                            void *ctx, struct ls_buffer *fault);

/* Appends `text` on one line: control bytes as \xHH, "..." behind the first `most` bytes. */
void ls_configfile_plain(struct ls_buffer *b, struct ls_slice text, size_t most);

#endif
