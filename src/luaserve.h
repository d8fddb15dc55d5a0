/* luaserve: an embeddable web server that gives every client a process of its own.
 *
 *     struct luaserve_error error;
 *     struct luaserve *server = luaserve_new(&error);
 *     if (server && luaserve_config_file(server, "config.lua", &error) == 0 &&
 *         luaserve_listen(server, &error) == 0)
 *         luaserve_run(server, &error);
 *     luaserve_free(&server);
 *
 * Functions that can fail return 0, or -1 with *error filled in; `error` may be NULL. After a
 * failure the server can only be freed, unless the function says otherwise.
 *
 * A server belongs to the thread that made it; several servers may live in one process. The
 * process should have one thread while a server runs, since it forks for every client. */
#ifndef LUASERVE_H
#define LUASERVE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUASERVE_API __attribute__((visibility("default")))

struct luaserve; /* a server: its configuration, scripts, sockets and workers */

/* Why something failed, in the codes of <sysexits.h>. */
enum luaserve_code {
    LUASERVE_OK = 0,
    LUASERVE_USAGE = 64,       /* functions called in the wrong order, or with what means nothing */
    LUASERVE_NO_HOST = 68,     /* there is no host of that name */
    LUASERVE_UNAVAILABLE = 69, /* an address cannot be bound, or cannot be reached */
    LUASERVE_OS = 71,          /* the system refused: out of memory, of descriptors … */
    LUASERVE_CREATE = 73,      /* a file or folder cannot be made */
    LUASERVE_IO = 74,          /* a connection broke; input cannot be read, output not written */
    LUASERVE_CONFIG = 78       /* a fault in the configuration or in a script */
};

struct luaserve_error {
    enum luaserve_code code;
    char text[4000]; /* one line for each fault, without a line feed at the end */
};

/* The version of the library, such as "0.1.0". */
LUASERVE_API const char *luaserve_version(void);

/* A server with the default configuration; NULL when memory is short. */
LUASERVE_API struct luaserve *luaserve_new(struct luaserve_error *error);

/* Takes over what a config file sets. All faults of the file are reported at once. Relative
 * paths in it start from its folder. */
LUASERVE_API int luaserve_config_file(struct luaserve *server, const char *path,
                                      struct luaserve_error *error);

/* Sets one key, by the dotted name that it has in config.lua ("port", "limits.wall"), written as
 * there without quotes ("3000", "30s", "true"). A later call or file wins over an earlier one. A
 * failure changes nothing. */
LUASERVE_API int luaserve_set(struct luaserve *server, const char *key, const char *value,
                              struct luaserve_error *error);

/* A key that a config file, or luaserve_set, may set. */
struct luaserve_key {
    const char *name;     /* dotted: "limits.wall" */
    const char *takes;    /* such as "a duration from 10ms to 24h" */
    const char *standard; /* its default, as luaserve_set takes it; "": none */
    const char *about;    /* what it does: one line, not a sentence */
};

/* Calls `each` for every key, in an order that may be read. The texts are gone when it returns. It
 * needs no server. 0; or -1 when memory is short. */
LUASERVE_API int luaserve_keys(void (*each)(void *ctx, const struct luaserve_key *key), void *ctx);

/* Checks the configuration as a whole and runs the scripts, once; listens on nothing.
 * luaserve_listen does this itself where it has not been done. */
LUASERVE_API int luaserve_load(struct luaserve *server, struct luaserve_error *error);

/* Calls `each` for every route of a loaded server, in the order of registration: methods such as
 * "GET, POST", the pattern, and the script and line that it comes from. */
LUASERVE_API void luaserve_routes(const struct luaserve *server,
                                  void (*each)(void *ctx, const char *methods, const char *pattern,
                                               const char *where),
                                  void *ctx);

/* For programs that are a service and nothing else: takes over what a service manager gave this
 * process, which must be single-threaded, and removes it from the environment. Sockets of LISTEN_FDS
 * (sd_listen_fds(3)) are listened on instead of the configured addresses; NOTIFY_SOCKET
 * (sd_notify(3)) is told READY=1, RELOADING=1 and STOPPING=1. Before luaserve_listen. */
LUASERVE_API int luaserve_service(struct luaserve *server, struct luaserve_error *error);

/* Binds and listens on every address of the configuration; clients queue from here on. Then writes
 * `pidfile`, becomes `user` and `group`, and loads the scripts. */
LUASERVE_API int luaserve_listen(struct luaserve *server, struct luaserve_error *error);

/* What is really listened on: the port of the first address that has one (1–65535; 0: none, or
 * not listening), and the address number `index` (from 0) as a URL such as
 * "http://127.0.0.1:3000" or "unix:/run/x.sock", NULL behind the last one. */
LUASERVE_API uint16_t luaserve_port(const struct luaserve *server);
LUASERVE_API const char *luaserve_address(const struct luaserve *server, size_t index);

/* From now on, while luaserve_run serves, SIGTERM and SIGINT stop it gracefully, and a second one at
 * once; SIGHUP is luaserve_reload, SIGUSR1 luaserve_reopen_log. For programs that are a server and
 * nothing else, such as the command luaserve. */
LUASERVE_API void luaserve_handle_signals(struct luaserve *server);

/* Serves until it is stopped. Requests in flight may end within limits.drain_timeout; when this
 * returns no worker is left. 0 after a stop. Blocks SIGCHLD meanwhile, and reaps the children
 * of the calling process. */
LUASERVE_API int luaserve_run(struct luaserve *server, struct luaserve_error *error);

/* Makes luaserve_run stop gracefully. May be called from a signal handler of its process. */
LUASERVE_API void luaserve_stop(struct luaserve *server);

/* Makes luaserve_run read its config files and scripts again, after the same luaserve_config_file
 * and luaserve_set that were called at first. A process of its own tries them before; only if that
 * comes to a good end within limits.load (and one second) do new clients get the new generation.
 * Otherwise the log says why not, and nothing changes. Clients that wait between two requests are
 * closed, others after the answer that they are at; their workers keep the old generation until
 * then. Addresses that are no longer configured are closed, new ones bound. May be called from a
 * signal handler of its process. */
LUASERVE_API void luaserve_reload(struct luaserve *server);

/* Makes luaserve_run and its workers open log.file anew, for whoever moves it away. May be called
 * from a signal handler of its process. */
LUASERVE_API void luaserve_reopen_log(struct luaserve *server);

/* Asks the server that runs with this configuration (which need not be loaded), at the first of its
 * addresses, for the syscalls of the request with that id (16 hexadecimal digits, of X-Request-Id);
 * their text, in UTF-8 and with a line feed at the end of each line, is given to `output`. Needs
 * `status` and `trace` to be set. 0, or -1 and
 *   LUASERVE_USAGE        `id` is none, or the port is 0
 *   LUASERVE_CONFIG       `status` is false
 *   LUASERVE_UNAVAILABLE  nobody listens there, or the server says why it has nothing to show
 *   LUASERVE_IO           who listens there does not speak HTTP
 *   LUASERVE_OS           the system refused */
LUASERVE_API int luaserve_trace(struct luaserve *server, const char *id,
                                void (*output)(void *ctx, const char *text, size_t len), void *ctx,
                                struct luaserve_error *error);

/* Closes and frees everything; *server is NULL afterwards. NULL may be freed. */
LUASERVE_API void luaserve_free(struct luaserve **server);

/* Makes a project in the folder `path`, which must not exist, or be empty: config.lua, .busted,
 * .gitignore, README.md, scripts/hello.lua, www/index.html, spec/hello_spec.lua. It needs no server.
 * 0; or -1 with LUASERVE_CREATE, and nothing that was made is left. */
LUASERVE_API int luaserve_new_project(const char *path, struct luaserve_error *error);

/* A connection to be made, and what to do with it. It needs no server. */
struct luaserve_client {
    const char *address; /* "HOST:PORT", "[IPV6]:PORT", "unix:/path" */
    uint16_t local_port; /* to connect from; 0: any free one */

    /* Until the connection stands, whichever address of the host it is to; 0: 10 seconds. How long
     * the name is looked up is the C library's affair. */
    uint32_t timeout_ms;

    /* Descriptors, such as 0 and 1. They stay open, and blocking or not as they are; nobody else
     * should take from the input meanwhile. */
    int input, output;

    /* Not 0: somebody types the input, and leaves with the peer. Once the peer has ended, input that
     * is there already is still sent, but none is waited for. */
    int typed;

    /* Both may be NULL. Called once it stands, with both its addresses as text; and once the peer
     * has ended and all from it is written: the output is not looked at again, and may be closed. */
    void (*connected)(void *ctx, const char *peer, const char *self);
    void (*peer_ended)(void *ctx);
    void *ctx;
};

/* Connects, and hands on both ways at once: input to the peer, what comes from the peer to the
 * output, neither faster than the other end takes it. At the end of the input the connection is
 * half-closed, and what still comes is handed on until the peer ends too; and the other way round. A
 * TCP peer that has closed looks like one that has half-closed until it is sent more.
 *
 * 0: both sides have ended, or the peer has left with all that it was sent; or -1 and
 *   LUASERVE_USAGE        `address` is none, or a Unix socket's together with a local port
 *   LUASERVE_NO_HOST      the C library knows no address of the host
 *   LUASERVE_UNAVAILABLE  no connection: refused, unreachable, timed out; or the local port is in
 *                         use, lingers from an earlier connection, or needs a privilege
 *   LUASERVE_IO           it broke: the peer reset it, or closed before it had all input; or the
 *                         input cannot be read, or the output not be written
 *   LUASERVE_OS           the system refused
 * SIGPIPE is ignored meanwhile; other signals do what they do. */
LUASERVE_API int luaserve_connect(const struct luaserve_client *client,
                                  struct luaserve_error *error);

#ifdef __cplusplus
}
#endif

#endif
