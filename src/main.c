/* The command luaserve. It uses nothing but luaserve.h: what it can, every program can. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luaserve.h"

static const char usage[] =
    "usage: luaserve [check | routes] [CONFIG] [--port N] [--host ADDRESS] [--www DIR]\n"
    "                [--scripts DIR] [--dev] [--set KEY=VALUE]\n"
    "       luaserve config\n"
    "       luaserve new DIR\n"
    "       luaserve trace ID [CONFIG] [--port N] [--host ADDRESS]\n"
    "       luaserve connect HOST:PORT [--local-port N]\n"
    "\n"
    "Serves what CONFIG (a Lua file; by default config.lua, if there is one) says.\n"
    "\n"
    "  check              load the configuration and all scripts, listen on nothing\n"
    "  routes             the same, and list the routes\n"
    "  config             list the keys of CONFIG: what each takes, its default, what it does\n"
    "  new                make a project in DIR, which must not exist, or be empty\n"
    "  trace              the syscalls of a request, by its X-Request-Id, from the server that "
    "runs "
    "with\n"
    "                     CONFIG and has `status` and `trace` set\n"
    "  connect            a client: input to HOST:PORT (or [IPV6]:PORT, unix:/path), what comes "
    "from\n"
    "                     there to output; says at the end of input that this was all, and reads "
    "on\n"
    "\n"
    "  --port N           listen on port N (0: any free one)\n"
    "  --host ADDRESS     listen on this address, such as 127.0.0.1 or ::1\n"
    "  --www DIR          files to serve\n"
    "  --scripts DIR      scripts to run\n"
    "  --dev              error pages show tracebacks\n"
    "  --set KEY=VALUE    any key of config.lua, such as limits.wall=5s\n"
    "  --local-port N     connect from port N\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 stopped, 64 usage, 68 unknown host, 69 an address cannot be bound or reached,\n"
    "71 the system refused, 73 a project cannot be made, 74 the connection broke,\n"
    "78 a fault in the configuration or a script.\n";

enum { SETTINGS = 32 };

enum task { SERVE, CHECK, ROUTES, CONFIG, NEW, TRACE, CONNECT };

struct options {
    enum task task;
    const char *config;  /* a file; NULL */
    const char *address; /* to connect to; NULL */
    const char *id;      /* of a request; NULL */
    const char *folder;  /* of a new project; NULL */
    uint16_t local_port; /* 0: any */
    struct {
        const char *key, *value;
    } set[SETTINGS];
    size_t set_count;
};

static int complain(const char *what, const char *about)
{
    fprintf(stderr, "luaserve: %s%s\n", what, about);
    fprintf(stderr, "Try 'luaserve --help'.\n");
    return LUASERVE_USAGE;
}

static int report(const struct luaserve_error *error)
{
    const char *line = error->text;
    while (line) {
        const char *end = strchr(line, '\n');
        fprintf(stderr, "luaserve: %.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
        line = end ? end + 1 : NULL;
    }
    return (int)error->code;
}

/* ---- the command line ---- */

static int add_setting(struct options *o, const char *key, const char *value)
{
    if (o->set_count == SETTINGS)
        return complain("too many settings", "");
    o->set[o->set_count].key = key;
    o->set[o->set_count++].value = value;
    return 0;
}

static int add_assignment(struct options *o, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals)
        return complain("--set wants KEY=VALUE, found ", text);
    *equals = '\0';
    return add_setting(o, text, equals + 1);
}

/* The name of an option with a value, which but for two is a key; NULL if it is none. */
static const char *key_of(const char *option)
{
    static const char *const keys[] = { "port", "host", "www", "scripts", "set", "local-port" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(option + 2, keys[i]) == 0)
            return keys[i];
    return NULL;
}

static int set_local_port(struct options *o, const char *text)
{
    size_t len = strlen(text);
    unsigned long port =
        strspn(text, "0123456789") == len && len <= 5 ? strtoul(text, NULL, 10) : 0;
    if (port < 1 || port > UINT16_MAX)
        return complain("--local-port wants a port from 1 to 65535, found ", text);
    o->local_port = (uint16_t)port;
    return 0;
}

static int take_value(struct options *o, const char *key, char *value)
{
    if (strcmp(key, "local-port") == 0)
        return set_local_port(o, value);
    return strcmp(key, "set") == 0 ? add_assignment(o, value) : add_setting(o, key, value);
}

/* An option at argv[*at], and its value, which may follow or stand behind a "=". */
static int read_option(struct options *o, char **argv, int *at)
{
    char *option = argv[*at], *value = strchr(option, '=');
    if (value)
        *value++ = '\0';
    if (strcmp(option, "--dev") == 0)
        return value ? complain("no value belongs to ", option) : add_setting(o, "dev", "true");
    const char *key = key_of(option);
    if (!key)
        return complain("unknown option ", option);
    if (!value)
        value = argv[++*at];
    if (!value)
        return complain("a value is missing behind ", option);
    return take_value(o, key, value);
}

/* The one word that a task takes. */
static int read_only_word(const char **place, const char *word, const char *complaint)
{
    if (*place)
        return complain(complaint, word);
    *place = word;
    return 0;
}

static const char *const tasks[] = {
    [CHECK] = "check", [ROUTES] = "routes", [CONFIG] = "config",
    [NEW] = "new",     [TRACE] = "trace",   [CONNECT] = "connect"
};

static enum task task_of(const char *word)
{
    for (int i = CHECK; i <= CONNECT; i++)
        if (strcmp(word, tasks[i]) == 0)
            return (enum task)i;
    return SERVE;
}

/* Also what cannot be read, or leads nowhere: whoever reads it says so. */
static int exists(const char *path)
{
    struct stat is;
    return lstat(path, &is) == 0 || errno != ENOENT;
}

/* But for a letter too many, too few or of another kind, or two in the wrong order. */
static int is_nearly(const char *word, const char *wanted)
{
    size_t len = strlen(word), most = strlen(wanted), from = 0, behind = 0;
    while (from < len && word[from] == wanted[from])
        from++;
    while (behind < len - from && behind < most - from &&
           word[len - behind - 1] == wanted[most - behind - 1])
        behind++;
    size_t a = len - from - behind, b = most - from - behind;
    int swapped =
        a == 2 && b == 2 && word[from] == wanted[from + 1] && word[from + 1] == wanted[from];
    return (a <= 1 && b <= 1) || swapped;
}

static int read_config(struct options *o, const char *word)
{
    char hint[64]; /* whatever is nearly a task is short */
    if (o->config)
        return complain("more than one config file: ", word);
    for (int i = CHECK; o->task == SERVE && i <= CONNECT; i++) {
        if (!is_nearly(word, tasks[i]) || exists(word))
            continue;
        snprintf(hint, sizeof hint, "%s (did you mean \"%s\"?)", word, tasks[i]);
        return complain("there is no file ", hint);
    }
    o->config = word;
    return 0;
}

/* A word that is no option: what to do, once, and the config file (./check if it is called so). */
static int read_word(struct options *o, const char *word)
{
    if (o->task == CONNECT)
        return read_only_word(&o->address, word, "connect wants one HOST:PORT, found also ");
    if (o->task == NEW)
        return read_only_word(&o->folder, word, "new wants one folder, found also ");
    if (o->task == SERVE && task_of(word) != SERVE)
        o->task = task_of(word);
    else if (o->task == TRACE && !o->id)
        o->id = word;
    else
        return read_config(o, word);
    return 0;
}

static int needless(const struct options *o, const char *what, const char *found)
{
    char text[64];
    snprintf(text, sizeof text, "%s takes no %s, found ", tasks[o->task], what);
    return complain(text, found);
}

/* Does each belong to the task? */
static int check_arguments(const struct options *o)
{
    if (o->task == TRACE && !o->id)
        return complain("trace wants the id of a request", "");
    if (o->task != CONNECT && o->local_port)
        return complain("--local-port belongs to connect", "");
    if (o->task == CONNECT && !o->address)
        return complain("connect wants HOST:PORT", "");
    if (o->task == NEW && !o->folder)
        return complain("new wants a folder", "");
    if (o->task != CONNECT && o->task != CONFIG && o->task != NEW)
        return 0;
    if (o->config)
        return needless(o, "config file", o->config);
    if (o->set_count > 0)
        return needless(o, "setting", o->set[0].key);
    return 0;
}

static int read_arguments(struct options *o, int argc, char **argv)
{
    int err = 0;
    for (int i = 1; i < argc && err == 0; i++) {
        if (strncmp(argv[i], "--", 2) == 0)
            err = read_option(o, argv, &i);
        else if (argv[i][0] == '-')
            err = complain("unknown option ", argv[i]);
        else
            err = read_word(o, argv[i]);
    }
    return err == 0 ? check_arguments(o) : err;
}

/* ---- what is asked for ---- */

static int configure(struct luaserve *server, const struct options *o, struct luaserve_error *error)
{
    const char *path = o->config ? o->config : exists("config.lua") ? "config.lua" : NULL;
    if (path && luaserve_config_file(server, path, error) < 0)
        return -1;
    for (size_t i = 0; i < o->set_count; i++)
        if (luaserve_set(server, o->set[i].key, o->set[i].value, error) < 0) {
            error->code = LUASERVE_USAGE;
            return -1;
        }
    return 0;
}

static void print_route(void *ctx, const char *methods, const char *pattern, const char *where)
{
    (void)ctx;
    printf("%-24s %-32s %s\n", methods, pattern, where);
}

/* Where there is a default it is written as in a config file. */
static void print_key(void *ctx, const struct luaserve_key *key)
{
    (void)ctx;
    const char *value = key->standard;
    int bare = strspn(value, "0123456789") == strlen(value) || strcmp(value, "false") == 0 ||
               strcmp(value, "true") == 0;
    printf("%s%s", key->name, value[0] == '\0' ? "" : " = ");
    printf(bare ? "%s\n" : "\"%s\"\n", value);
    printf("    %s\n    %s\n", key->takes, key->about);
}

static void print_ready(const struct luaserve *server)
{
    const char *url;
    printf("luaserve %s listening on", luaserve_version());
    for (size_t i = 0; (url = luaserve_address(server, i)) != NULL; i++)
        printf(" %s", url);
    printf("\n");
    fflush(stdout);
}

static int serve(struct luaserve *server, struct luaserve_error *error)
{
    if (luaserve_service(server, error) < 0 || luaserve_listen(server, error) < 0)
        return -1;
    luaserve_handle_signals(server);
    print_ready(server);
    return luaserve_run(server, error);
}

static void print_text(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    fwrite(text, 1, len, stdout);
}

static int perform(struct luaserve *server, const struct options *o, struct luaserve_error *error)
{
    if (configure(server, o, error) < 0)
        return -1;
    if (o->task == SERVE)
        return serve(server, error);
    if (o->task == TRACE)
        return luaserve_trace(server, o->id, print_text, NULL, error);
    if (luaserve_load(server, error) < 0)
        return -1;
    if (o->task == ROUTES)
        luaserve_routes(server, print_route, NULL);
    else
        printf("luaserve: the configuration and all scripts are in order\n");
    return 0;
}

static int make_project(const char *folder, struct luaserve_error *error)
{
    if (luaserve_new_project(folder, error) < 0)
        return -1;
    printf("luaserve: a project is in %s: its README.md says what to do with it\n", folder);
    return 0;
}

static void print_connected(void *ctx, const char *peer, const char *self)
{
    (void)ctx;
    fprintf(stderr, "luaserve: connected to %s from %s (^D: that was all; ^C: leave)\n", peer,
            self);
}

/* Whoever reads our output learns of its end, though we may still have input to send. */
static void end_output(void *ctx)
{
    (void)ctx;
    if (!freopen("/dev/null", "w", stdout))
        fclose(stdout);
}

/* Somebody at a terminal wants to know; whoever reads a pipe wants the peer's bytes alone. */
static int converse(const struct options *o, struct luaserve_error *error)
{
    int typed = isatty(STDIN_FILENO), seen = isatty(STDOUT_FILENO);
    const struct luaserve_client client = {
        .size = sizeof client,
        .address = o->address,
        .local_port = o->local_port,
        .input = STDIN_FILENO,
        .output = STDOUT_FILENO,
        .typed = typed,
        .connected = typed && seen ? print_connected : NULL,
        .peer_ended = end_output,
    };
    return luaserve_connect(&client, error);
}

static int has_argument(int argc, char **argv, const char *wanted)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], wanted) == 0)
            return 1;
    return 0;
}

/* Whoever started us without standard input, output or error: nothing else may take their place,
 * or what is meant for people would be written into it. */
static void fill_standard_descriptors(void)
{
    FILE *file = fopen("/dev/null", "r+");
    while (file && fileno(file) <= 2) /* stays open */
        file = fopen("/dev/null", "r+");
    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    struct options options = { .task = SERVE };
    struct luaserve_error error = { .code = LUASERVE_OK };
    fill_standard_descriptors();
    if (has_argument(argc, argv, "--help") || has_argument(argc, argv, "-h"))
        return fputs(usage, stdout) < 0;
    if (has_argument(argc, argv, "--version"))
        return printf("luaserve %s\n", luaserve_version()) < 0;
    int err = read_arguments(&options, argc, argv);
    if (err != 0)
        return err;
    if (options.task == CONFIG)
        return luaserve_keys(print_key, NULL) == 0 ? 0 : LUASERVE_OS;
    if (options.task == NEW)
        return make_project(options.folder, &error) == 0 ? 0 : report(&error);
    if (options.task == CONNECT)
        return converse(&options, &error) == 0 ? 0 : report(&error);
    struct luaserve *server = luaserve_new(&error);
    int status = server && perform(server, &options, &error) == 0 ? 0 : report(&error);
    luaserve_free(&server);
    return status;
}
