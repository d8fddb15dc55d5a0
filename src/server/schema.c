#include "server/schema.h"

#include <stddef.h>
#include <string.h>

#include "server/config.h"
#include "server/texts.h"
#include "server/units.h"

#define K(bytes)  ((uint64_t)(bytes) << 10)
#define M(bytes)  ((uint64_t)(bytes) << 20)
#define T(bytes)  ((uint64_t)(bytes) << 40)
#define MS(count) ((uint64_t)(count)*1000)
#define H(count)  ((uint64_t)(count)*3600000000)

#define AT(field) offsetof(struct ls_config, field)

/* clang-format off */
#define INTEGER(key, field, text, least, most, what) \
    { .name = key, .kind = LS_KEY_INTEGER, .offset = AT(field), .fallback = text, \
      .min = least, .max = most, .about = what }
#define SIZE(key, field, text, least, most, what) \
    { .name = key, .kind = LS_KEY_SIZE, .offset = AT(field), .fallback = text, \
      .min = least, .max = most, .about = what }
#define DURATION_UP_TO(key, field, text, least, most, what) \
    { .name = key, .kind = LS_KEY_DURATION, .offset = AT(field), .fallback = text, \
      .min = least, .max = most, .about = what }
#define DURATION(key, field, text, least, what) \
    DURATION_UP_TO(key, field, text, least, H(24), what)

static const struct ls_key keys[LS_CONFIG_KEYS] = {
    { .name = "host", .kind = LS_KEY_HOST, .offset = AT(host), .fallback = "0.0.0.0",
      .about = "numeric address to listen on; \"::\" for all of IPv6" },
    INTEGER("port", port, "3000", 0, 65535, "port to listen on; 0: any free one"),
    { .name = "listen", .kind = LS_KEY_LIST, .offset = AT(listen), .fallback = "",
      .about = "several addresses to listen on, instead of host and port" },
    INTEGER("backlog", backlog, "4096", 1, 65535,
            "clients that may wait to be accepted (the kernel's somaxconn bounds it)"),
    { .name = "www", .kind = LS_KEY_PATH, .offset = AT(www), .fallback = "www",
      .about = "folder of the files to serve", .named = AT(www_named) },
    { .name = "scripts", .kind = LS_KEY_PATH, .offset = AT(scripts), .fallback = "scripts",
      .about = "folder of the scripts to run", .named = AT(scripts_named) },
    { .name = "views", .kind = LS_KEY_PATH, .offset = AT(views), .fallback = "views",
      .about = "folder of the templates", .named = AT(views_named) },
    { .name = "index", .kind = LS_KEY_NAME, .offset = AT(index), .fallback = "index.html",
      .about = "file that is served for a folder" },
    { .name = "listing", .kind = LS_KEY_BOOLEAN, .offset = AT(listing), .fallback = "false",
      .about = "folders without an index show what is in them" },
    { .name = "mime", .kind = LS_KEY_MAP, .offset = AT(mime), .fallback = "",
      .about = "media types by extension, beside those that are known" },
    DURATION_UP_TO("max_age", max_age, "0s", 0, H(10 * 365 * 24),
                   "that clients may keep a file without asking again; 0: unsaid"),
    { .name = "compress", .kind = LS_KEY_BOOLEAN, .offset = AT(compress), .fallback = "false",
      .about = "text files are compressed while they are sent" },
    { .name = "dev", .kind = LS_KEY_BOOLEAN, .offset = AT(dev), .fallback = "false",
      .about = "error pages show tracebacks" },

    { .name = "secret", .kind = LS_KEY_TEXTS, .offset = AT(secret), .fallback = "",
      .about = "signs sessions, 32 bytes or more; several: the first signs, all are believed" },
    { .name = "session.cookie", .kind = LS_KEY_TOKEN, .offset = AT(session.cookie),
      .fallback = "session", .about = "name of the cookie that holds a session" },
    DURATION_UP_TO("session.max_age", session.max_age, "168h", MS(1000), H(10 * 365 * 24),
                   "that a session lasts after its last change"),
    { .name = "trusted_proxies", .kind = LS_KEY_TEXTS, .offset = AT(trusted_proxies),
      .fallback = "", .about = "who is believed about clients: addresses, networks, \"unix\"" },

    { .name = "status", .kind = LS_KEY_PLACE, .offset = AT(status), .fallback = "false",
      .about = "path of a live page about clients and rates, and of the traces; false: none" },
    { .name = "metrics", .kind = LS_KEY_PLACE, .offset = AT(metrics), .fallback = "false",
      .about = "path of counters in the text format of Prometheus; false: none" },
    { .name = "observers", .kind = LS_KEY_TEXTS, .offset = AT(observers), .fallback = "",
      .about = "who sees status and metrics beside this machine: addresses, networks" },
    { .name = "trace", .kind = LS_KEY_BOOLEAN, .offset = AT(trace), .fallback = "false",
      .about = "the syscalls of each request are recorded" },

    { .name = "user", .kind = LS_KEY_NAME, .offset = AT(user), .fallback = "-",
      .about = "whom the server becomes once it listens; \"-\": as whom it was started" },
    { .name = "group", .kind = LS_KEY_NAME, .offset = AT(group), .fallback = "-",
      .about = "the same for its group; \"-\": the user's" },
    { .name = "pidfile", .kind = LS_KEY_PATH, .offset = AT(pidfile), .fallback = "-",
      .about = "file that holds its process id while it runs; \"-\": none" },

    { .name = "processes.mode", .kind = LS_KEY_CHOICE, .offset = AT(processes.mode),
      .fallback = "fork", .choices = "fork pool",
      .about = "fork: a process for every client; pool: a few processes for all" },
    INTEGER("processes.workers", processes.workers, "0", 0, 16,
            "processes of mode pool; 0: one for each core"),
    INTEGER("processes.max_clients", processes.max_clients, "1024", 1, 100000,
            "clients served at once; more of them wait"),
    INTEGER("processes.per_address", processes.per_address, "0", 0, 100000,
            "clients of one address (IPv6: /64) at once; more: 503; 0: as many as come"),
    DURATION("processes.queue_timeout", processes.queue_timeout, "1s", 0,
             "that clients wait when there are max_clients and none is idle; longer: 503"),
    { .name = "processes.core_dumps", .kind = LS_KEY_BOOLEAN, .offset = AT(processes.core_dumps),
      .fallback = "false", .about = "a worker that crashes may leave its memory in a file" },

    SIZE("limits.request_line", limits.request_line, "8K", 16, M(1),
         "bytes of the request line; more: 414"),
    SIZE("limits.headers", limits.headers, "32K", 64, M(1),
         "bytes of the header section; more: 431"),
    INTEGER("limits.header_count", limits.header_count, "100", 1, 1000,
            "header fields of a request; more: 431"),
    SIZE("limits.body", limits.body, "1M", 0, T(1), "bytes of a request's body; more: 413"),
    DURATION("limits.head_timeout", limits.head_timeout, "10s", MS(10),
             "for a whole request head to come in; longer: 408"),
    DURATION("limits.body_timeout", limits.body_timeout, "30s", MS(10),
             "without progress of a request's body; longer: 408"),
    DURATION("limits.idle_timeout", limits.idle_timeout, "15s", MS(10),
             "between two requests of a client; longer: closed"),
    DURATION("limits.send_timeout", limits.send_timeout, "30s", MS(10),
             "without progress of a response; longer: cut"),
    DURATION("limits.live_timeout", limits.live_timeout, "5m", MS(10),
             "without a sign of life on a WebSocket or raw connection; longer: closed"),
    SIZE("limits.min_rate", limits.min_rate, "1K", 0, M(1024),
         "bytes a second of a body or response at least; slower: 408, or cut; 0: as slow as it is"),
    DURATION("limits.min_rate_after", limits.min_rate_after, "10s", MS(10),
             "that a body or response may take beside what min_rate allows"),
    DURATION("limits.wall", limits.wall, "30s", MS(10),
             "for a handler to begin its answer; longer: 503"),
    DURATION("limits.cpu", limits.cpu, "10s", MS(10), "of CPU time for a handler; more: 503"),
    DURATION("limits.drain_timeout", limits.drain_timeout, "10s", 0,
             "for requests in flight to end when the server stops"),
    DURATION("limits.load", limits.load, "10s", MS(10), "for all scripts to load, at a start or a reload"),
    SIZE("limits.memory", limits.memory, "64M", K(64), T(1),
         "bytes of Lua memory that a client may add; more: 503"),
    SIZE("limits.process_memory", limits.process_memory, "1G", 0, T(1),
         "bytes that a client's process may have, and each program it starts; 0: as many"),
    INTEGER("limits.descriptors", limits.descriptors, "1024", 16, 1000000,
            "files and sockets that a client's process may have open, and each program it starts"),
    INTEGER("limits.requests_per_client", limits.requests_per_client, "100000", 1, 1000000000,
            "requests on one connection, which is closed then"),

    SIZE("shared.size", shared.size, "16M", 64 << 10, M(64 * 1024),
         "of all shared dictionaries together; full: what was used longest ago goes"),
    SIZE("channels.queue", channels.queue, "256K", 4096, M(64),
         "of a channel's messages that are kept for those who are slow"),

    { .name = "sandbox.processes", .kind = LS_KEY_BOOLEAN, .offset = AT(sandbox.processes),
      .fallback = "true", .about = "handlers may start programs" },
    { .name = "sandbox.connect", .kind = LS_KEY_BOOLEAN, .offset = AT(sandbox.connect),
      .fallback = "true", .about = "handlers may connect to others" },
    { .name = "sandbox.files", .kind = LS_KEY_CHOICE, .offset = AT(sandbox.files),
      .fallback = "write", .choices = "write read none",
      .about = "what handlers may do with files" },

    { .name = "log.level", .kind = LS_KEY_CHOICE, .offset = AT(log.level), .fallback = "info",
      .choices = "debug info warn error off", .about = "what is less grave is not logged" },
    { .name = "log.file", .kind = LS_KEY_PATH, .offset = AT(log.file), .fallback = "-",
      .about = "file that the log is appended to; \"-\": standard error" },
    { .name = "log.access", .kind = LS_KEY_CHOICE, .offset = AT(log.access), .fallback = "false",
      .choices = "false combined json", .about = "a line for every request" },
    { .name = "log.access_file", .kind = LS_KEY_PATH, .offset = AT(log.access_file),
      .fallback = "-", .about = "file that these are appended to; \"-\": standard output" },
};
/* clang-format on */

/* What CHOICE and these fields rely on. */
_Static_assert(sizeof(enum ls_log_level) == sizeof(unsigned), "an enum is stored as unsigned");
_Static_assert(sizeof(enum ls_sandbox_files) == sizeof(unsigned), "an enum is stored as unsigned");
_Static_assert(LS_FILES_WRITE == 0 && LS_FILES_NONE == 2, "sandbox.files: write read none");
_Static_assert(sizeof(enum ls_access_format) == sizeof(unsigned), "an enum is stored as unsigned");
_Static_assert(LS_ACCESS_NONE == 0 && LS_ACCESS_JSON == 2, "log.access: false combined json");
_Static_assert(LS_LOG_DEBUG == 0 && LS_LOG_OFF == 4, "log.level: debug info warn error off");

const struct ls_key *ls_schema(size_t *count)
{
    *count = LS_CONFIG_KEYS;
    return keys;
}

const struct ls_key *ls_schema_find(struct ls_slice name)
{
    for (size_t i = 0; i < LS_CONFIG_KEYS; i++)
        if (ls_slice_equal(name, ls_slice_of(keys[i].name)))
            return &keys[i];
    return NULL;
}

/* "limits" of "limits.wall"; empty for a key at the top. */
static struct ls_slice table_of(struct ls_slice name)
{
    size_t point = ls_slice_find(name, 0, '.');
    return (struct ls_slice) { name.at, point < name.len ? point : 0 };
}

static struct ls_slice leaf_of(struct ls_slice name)
{
    size_t table = table_of(name).len;
    return ls_slice_from(name, table > 0 ? table + 1 : 0);
}

bool ls_schema_is_table(struct ls_slice name)
{
    for (size_t i = 0; i < LS_CONFIG_KEYS && name.len > 0; i++)
        if (ls_slice_equal(name, table_of(ls_slice_of(keys[i].name))))
            return true;
    return false;
}

/* ---- what a key takes ---- */

static void append_choices(struct ls_buffer *b, const struct ls_key *key)
{
    struct ls_slice words = ls_slice_of(key->choices);
    bool several = ls_slice_find(words, 0, ' ') < words.len;
    if (several)
        ls_buffer_text(b, "one of ");
    for (;;) {
        size_t end = ls_slice_find(words, 0, ' ');
        bool word = !ls_slice_equal((struct ls_slice) { words.at, end }, LS_SLICE("false"));
        ls_buffer_printf(b, word ? "\"%.*s\"" : "%.*s", (int)end, words.at);
        if (end == words.len)
            return;
        ls_buffer_text(b, ", ");
        words = ls_slice_from(words, end + 1);
    }
}

static void append_range(struct ls_buffer *b, const struct ls_key *key, const char *what,
                         void append(struct ls_buffer *b, uint64_t number))
{
    ls_buffer_printf(b, "%s from ", what);
    append(b, key->min);
    ls_buffer_text(b, " to ");
    append(b, key->max);
}

void ls_schema_takes(struct ls_buffer *b, const struct ls_key *key)
{
    bool optional = strcmp(key->fallback, "-") == 0;
    switch (key->kind) {
    case LS_KEY_INTEGER:
        append_range(b, key, "an integer", ls_buffer_decimal);
        break;
    case LS_KEY_SIZE:
        append_range(b, key, "a size", ls_size_text);
        break;
    case LS_KEY_DURATION:
        append_range(b, key, "a duration", ls_duration_text);
        break;
    case LS_KEY_CHOICE:
        append_choices(b, key);
        break;
    case LS_KEY_BOOLEAN:
        ls_buffer_text(b, "true or false");
        break;
    case LS_KEY_HOST:
        ls_buffer_text(b, "a numeric IPv4 or IPv6 address");
        break;
    case LS_KEY_PLACE:
        ls_buffer_text(b, "false, or a path of letters, digits and /._- that begins with \"/\"");
        break;
    case LS_KEY_TOKEN:
        ls_buffer_text(b, "a name of letters, digits and !#$%&'*+-.^_`|~");
        break;
    case LS_KEY_TEXTS:
        ls_texts_expected(b, key);
        break;
    case LS_KEY_LIST:
        ls_buffer_printf(b, "a list of 1 to %d addresses such as { \"0.0.0.0:80\", \"[::]:80\" }",
                         LS_CONFIG_LISTENERS);
        break;
    case LS_KEY_MAP:
        ls_buffer_text(b, "a table of media types such as { glb = \"model/gltf-binary\" }");
        break;
    case LS_KEY_NAME:
        ls_buffer_text(b, optional ? "a name or a number" : "a name of a file (no folder)");
        break;
    case LS_KEY_PATH:
        ls_buffer_text(b, "a path");
        break;
    default:
        break;
    }
    if (optional)
        ls_buffer_text(b, ", or \"-\"");
}

void ls_schema_expected(struct ls_buffer *b, const struct ls_key *key)
{
    ls_schema_takes(b, key);
    switch (key->kind) {
    case LS_KEY_SIZE:
    case LS_KEY_DURATION:
    case LS_KEY_HOST:
    case LS_KEY_NAME:
    case LS_KEY_PATH:
        if (strcmp(key->fallback, "-") != 0)
            ls_buffer_printf(b, " such as \"%s\"", key->fallback);
        break;
    default:
        break;
    }
}

/* ---- the nearest key ---- */

enum { NAME_MAX_LEN = 40, FAR = 1000 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`. */
static unsigned distance(struct ls_slice a, struct ls_slice b)
{
    unsigned d[3][NAME_MAX_LEN + 1] = { { 0 } };
    if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN)
        return FAR;
    for (unsigned j = 0; j <= b.len; j++)
        d[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = d[i % 3], *above = d[(i + 2) % 3], *above2 = d[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            bool swapped =
                i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1];
            row[j] =
                least(row[j - 1] + 1, above[j] + 1, above[j - 1] + (a.at[i - 1] != b.at[j - 1]));
            if (swapped && above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return d[a.len % 3][b.len];
}

struct nearest {
    struct ls_slice name;
    unsigned distance;
};

static void consider(struct nearest *n, struct ls_slice unknown, struct ls_slice name)
{
    unsigned whole = distance(unknown, name);
    unsigned leaf = distance(leaf_of(unknown), leaf_of(name));
    leaf += !ls_slice_equal(table_of(unknown), table_of(name)); /* also in the wrong table */
    unsigned best = whole < leaf ? whole : leaf;
    if (best < n->distance)
        *n = (struct nearest) { name, best };
}

static const struct ls_key *same_leaf(struct ls_slice unknown)
{
    for (size_t i = 0; i < LS_CONFIG_KEYS; i++)
        if (ls_slice_equal(leaf_of(unknown), leaf_of(ls_slice_of(keys[i].name))))
            return &keys[i];
    return NULL;
}

static void append_place(struct ls_buffer *b, struct ls_slice name)
{
    struct ls_slice table = table_of(name);
    if (table.len > 0)
        ls_buffer_printf(b, " (it belongs in %.*s: %s)", (int)table.len, table.at, name.at);
    else
        ls_buffer_printf(b, " (it belongs at the top level: %s)", name.at);
}

void ls_schema_hint(struct ls_buffer *b, struct ls_slice unknown)
{
    struct nearest n = { .distance = FAR };
    const struct ls_key *elsewhere = same_leaf(unknown);
    if (ls_slice_find(unknown, 0, '[') < unknown.len)
        return; /* an element or no name at all: nothing was misspelt */
    if (elsewhere) {
        append_place(b, ls_slice_of(elsewhere->name));
        return;
    }
    for (size_t i = 0; i < LS_CONFIG_KEYS; i++) {
        struct ls_slice name = ls_slice_of(keys[i].name);
        consider(&n, unknown, name);
        if (table_of(name).len > 0 && table_of(unknown).len == 0)
            consider(&n, unknown, table_of(name));
    }
    size_t len = leaf_of(unknown).len;
    if (n.distance <= (len < 4 ? 1 : len < 8 ? 2u : 3u))
        ls_buffer_printf(b, " (did you mean \"%.*s\"?)", (int)n.name.len, n.name.at);
}
