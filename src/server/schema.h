/* The one table of the keys of config.lua: what validates, explains or lists keys reads it. */
#ifndef LS_SERVER_SCHEMA_H
#define LS_SERVER_SCHEMA_H

#include "base/buffer.h"

enum ls_key_kind {
    LS_KEY_INTEGER,  /* uint64_t */
    LS_KEY_SIZE,     /* uint64_t, bytes */
    LS_KEY_DURATION, /* uint64_t, microseconds */
    LS_KEY_CHOICE,   /* an enum: the word's place in `choices` */
    LS_KEY_BOOLEAN,  /* bool */
    LS_KEY_NAME,     /* char *, of a file or a user: no "/", and neither "." nor ".." */
    LS_KEY_HOST,     /* char *, a numeric IPv4 or IPv6 address */
    LS_KEY_PATH,     /* char *; "-" stays as it is */
    LS_KEY_TOKEN,    /* char *, a token (RFC 9110 5.6.2) */
    LS_KEY_PLACE,    /* char *, a path of URLs such as "/status"; "" for false */
    LS_KEY_TEXTS,    /* struct ls_texts: one text, or a list of them */
    LS_KEY_LIST,     /* of addresses; there is one: listen */
    LS_KEY_MAP       /* of extensions to media types; there is one: mime */
};

struct ls_key {
    const char *name; /* dotted */
    enum ls_key_kind kind;
    size_t offset;        /* into struct ls_config */
    const char *fallback; /* as ls_config_set takes it; "": no default */
    uint64_t min, max;    /* of integers, bytes, microseconds */
    const char *about;    /* one line, for help */
    const char *choices;  /* words with blanks between them */
    size_t named;         /* of the bool that says whether it was set; 0: there is none */
};

const struct ls_key *ls_schema(size_t *count); /* all keys, in the order in which to list them */

const struct ls_key *ls_schema_find(struct ls_slice name); /* NULL if there is none */
bool ls_schema_is_table(struct ls_slice name);             /* "limits" */

/* Appends what the key takes: "an integer from 0 to 65535", "a duration from 10ms to 24h"; for who has
 * it wrong with an example as well. */
void ls_schema_takes(struct ls_buffer *b, const struct ls_key *key);
void ls_schema_expected(struct ls_buffer *b, const struct ls_key *key);

/* Appends what an unknown key may have been meant for, as ` (did you mean "port"?)` or
 * ` (it belongs in limits: limits.wall)`; nothing when nothing is near. */
void ls_schema_hint(struct ls_buffer *b, struct ls_slice unknown);

#endif
