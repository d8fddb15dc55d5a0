/* What config.lua, luaserve_set and the command line say: one table (in schema.c) names each key
 * with its type, range, default and unit; everything that validates, explains or lists keys
 * reads that table.
 *
 * Durations are a number of seconds or "500ms", "10s", "5m", "1h"; kept in microseconds.
 * Sizes are bytes or "64K", "1M", "4G" (powers of 1024). Relative paths in a file, and the default
 * ones once a file was read, start from its folder; those given to ls_config_set start from the
 * working directory. */
#ifndef LS_SERVER_CONFIG_H
#define LS_SERVER_CONFIG_H

#include "base/buffer.h"
#include "base/log.h"
#include "exchange/access.h"
#include "http/mime.h"
#include "server/sandbox.h"

enum { LS_CONFIG_LISTENERS = 16, LS_CONFIG_KEYS = 58, LS_CONFIG_MIMES = 200, LS_CONFIG_TEXTS = 16 };

struct ls_texts { /* one text, or a list of them */
    char *all[LS_CONFIG_TEXTS];
    uint64_t count;
};

enum ls_config_mode { LS_MODE_FORK, LS_MODE_POOL };

struct ls_config {
    char *file; /* the config file read last; NULL if none */
    char *dir;  /* its folder; NULL: the working directory */

    char *host;                        /* "0.0.0.0": a numeric IPv4 or IPv6 address */
    uint64_t port;                     /* 0–65535; 0: any free one */
    char *listen[LS_CONFIG_LISTENERS]; /* "0.0.0.0:80", "[::]:80", "unix:/path"; instead of both */
    uint64_t listen_count;
    uint64_t backlog;

    char *www, *scripts, *views; /* folders (see named below) */
    char *index;                 /* file that stands for a folder */
    bool www_named, scripts_named,
        views_named;           /* named: it must exist; else a missing one is merely not there */
    bool listing;              /* folders without an index show what is in them */
    struct ls_mime_type *mime; /* beside the built-in table */
    size_t mime_count;
    char *user, *group, *pidfile; /* "-": as it is, none */
    uint64_t max_age;             /* µs; 0: nothing is said of it */
    bool compress;
    bool dev;
    struct ls_texts secret;          /* the first one signs */
    struct ls_texts trusted_proxies; /* networks: os/network.h */
    char *status, *metrics;          /* paths of URLs; "": there is none */
    struct ls_texts observers;       /* networks, who may see these */
    bool trace;                      /* os/ledger.h */

    struct {
        char *cookie;
        uint64_t max_age; /* µs */
    } session;

    struct {
        enum ls_config_mode mode;
        uint64_t workers;                  /* of mode "pool"; 0: one for each core */
        uint64_t max_clients, per_address; /* per_address 0: as many */
        uint64_t queue_timeout;            /* µs */
        bool core_dumps;
    } processes;

    struct {
        uint64_t request_line, headers, header_count, body; /* bytes, bytes, fields, bytes */
        uint64_t head_timeout, body_timeout, idle_timeout, send_timeout, live_timeout, wall, cpu,
            drain_timeout, load;           /* µs */
        uint64_t min_rate, min_rate_after; /* bytes a second; µs */
        uint64_t memory; /* bytes of Lua heap that a client may add to what the scripts loaded */
        uint64_t process_memory; /* bytes of data of a worker, C modules and all; 0: unbounded */
        uint64_t descriptors;    /* that a worker may open, beside those it is given */
        uint64_t requests_per_client;
    } limits;

    struct {
        uint64_t size; /* bytes of all shared dictionaries */
    } shared;

    struct {
        uint64_t queue; /* bytes of a channel's messages that are kept for slow subscribers */
    } channels;

    struct ls_sandbox_rules sandbox;

    struct {
        enum ls_log_level level;
        char *file; /* "-": standard error */
        enum ls_access_format access;
        char *access_file; /* "-": standard output */
    } log;

    unsigned char origin[LS_CONFIG_KEYS]; /* private: who set a key last, in schema's order */
};

/* Every field its default. 0 or -ENOMEM. */
int ls_config_init(struct ls_config *c);
void ls_config_free(struct ls_config *c); /* all zero afterwards; an all-zero one may be freed */

/* Runs the Lua file and takes each key over. Every fault of the file is appended to `faults`, a
 * line each: file (with the line where Lua knows it), key, what was expected, what was found and
 * the nearest known key. 0; -EINVAL with faults (then `c` is of no use); -ENOENT or another
 * -errno when the file cannot be read (also with a line in faults); -ENOMEM. */
int ls_config_read(struct ls_config *c, const char *path, struct ls_buffer *faults);

/* The same of a text: `name` is what faults call it by, `dir` its folder (NULL: the working directory). */
struct ls_config_text {
    const char *name, *dir, *text;
};
int ls_config_read_text(struct ls_config *c, const struct ls_config_text *text,
                        struct ls_buffer *faults);

/* One key by its dotted name ("limits.wall"), the value written as in config.lua without quotes
 * ("30s", "true", "3000"), elements of a list with commas or blanks between them. Results as
 * above, but that a failure changes nothing and faults name no file. */
int ls_config_set(struct ls_config *c, const char *key, const char *value,
                  struct ls_buffer *faults);

/* What can only be judged when all is known: named folders that are missing. 0 or -EINVAL with
 * faults. */
int ls_config_finish(struct ls_config *c, struct ls_buffer *faults);

/* "10s", "1.5h" and a number of seconds in text ("2.5"); "64K" and "65536", whole numbers alone.
 * 0, -EINVAL, or -ERANGE when it does not fit. */
int ls_duration_parse(struct ls_slice text, uint64_t *microseconds);
int ls_size_parse(struct ls_slice text, uint64_t *bytes);

#endif
