/* luaserve: an embeddable web server that gives every client a process of its own.
 *
 *     struct luaserve_error error;
 *     struct luaserve *server = luaserve_new(&error);
 *     if (server && luaserve_config_file(server, "config.lua", &error) == 0)
 *         luaserve_run(server, &error);
 *     luaserve_free(&server);
 *
 * Link with -lluaserve and Lua 5.4 (pkg-config luaserve); C11 and C++17 alike.
 *
 * Failures. A function that returns int returns 0, or -1 with *error filled in (unless it says
 * otherwise); `error` may be NULL. After a failure the server can only be freed, unless the function
 * says that nothing has changed. LUASERVE_OS, the system refused, is possible everywhere and not
 * listed; it leaves the server as any other failure of that function does.
 *
 * Order. new; then what is configured (config, set, route, adopt, on_…) in any order; then listen and
 * start, or one that does what has not been done; then run, or step until it returns 0; free.
 *
 * Whose is what. Texts that are passed are copied. Functions and `user` pointers are kept, and have to
 * last as long as the server. Pointers that are returned belong to the server, and are good until it is
 * freed or, where that is said, no longer.
 *
 * Processes. The process that calls these functions (the host) forks the workers, which serve the
 * clients. A worker begins as a copy of the host: handlers, in C as in Lua, find the host's memory as it
 * was when their worker was forked, and what they change there nobody else sees. In mode "fork" a
 * worker is forked when a client comes; in mode "pool" all are when the server starts or reloads. What
 * both sides are to see has to be in memory that they share (mmap(2), MAP_SHARED).
 *
 * What the host keeps. Unless it calls luaserve_handle_signals, no disposition of a signal is changed;
 * the mask of signals is what it was whenever a function returns, and while one waits (all are blocked
 * while it works). Workers end without SIGCHLD: no handler of the host's, and no wait(2) without
 * __WALL, meets them, and no child of the host's is reaped. The locale, the working directory and the
 * descriptors of stdio are left alone; before each fork what stdio has buffered is written, as
 * fflush(NULL) does, for else the worker would write it once more. What does change is the soft limit of
 * descriptors (RLIMIT_NOFILE), which is raised to the hard one and stays; and what the configuration
 * says of the process: `user`, `group`, `pidfile`, and with `sandbox` PR_SET_DUMPABLE.
 *
 * Descriptors. What is open when the server starts is inherited by its workers, as by every fork; what
 * the host opens later is not (in mode "pool": but by workers that are forked later). Whoever has two
 * servers starts both before clients come: else workers of the second hold sockets of the first one's
 * clients.
 *
 * Callbacks into the host (log, ended, prepare at a reload) come with all signals blocked.
 *
 * Threads. A server belongs to the thread that has started it, which lives as long as the server runs: no
 * other one may step, run or free it.
 * When a server starts, the process must have one thread: a fork takes along what other threads were
 * just holding. A host that needs threads starts its servers first. Threads that it makes then are its
 * own risk in this way: a worker that is forked at the very moment at which another thread is in malloc
 * (or holds another lock that handlers need) hangs, until the budgets of its client end it. In mode
 * "pool" forks are rare. luaserve_stop, luaserve_reload and luaserve_reopen_log may be called by every
 * thread.
 *
 * A child of the host's own has a copy of the server that is of no use: there luaserve_step fails,
 * luaserve_stop does nothing, and luaserve_free frees memory alone.
 *
 * The ABI. Structures are opaque, or begin with their size, so that later versions can add to them;
 * struct luaserve_error and struct luaserve_slice stay as they are. struct luaserve_key is only ever the
 * library's, and may grow at its end. */
#ifndef LUASERVE_H
#define LUASERVE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUASERVE_API __attribute__((visibility("default")))

struct lua_State;

struct luaserve;          /* a server: its configuration, scripts, sockets and workers */
struct luaserve_request;  /* what a handler in C is asked … */
struct luaserve_response; /* … and what it answers */

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

struct luaserve_slice { /* bytes, without a NUL behind them; at NULL: there is no such thing */
    const char *at;
    size_t len;
};

/* The version of the library, such as "0.1.0". */
LUASERVE_API const char *luaserve_version(void);

/* A server with the default configuration; NULL, with *error, when memory is short. */
LUASERVE_API struct luaserve *luaserve_new(struct luaserve_error *error);

/* Ends and frees everything: of a server that has not stopped yet, workers are killed, and clients cut.
 * *server is NULL afterwards. NULL may be freed. */
LUASERVE_API void luaserve_free(struct luaserve **server);

/* ---- configuration: before luaserve_load ---- */

/* Takes over what a config file sets. Relative paths in it start from its folder. Errors:
 *   LUASERVE_CONFIG  the file cannot be read, or is wrong: all its faults, at once */
LUASERVE_API int luaserve_config_file(struct luaserve *server, const char *path,
                                      struct luaserve_error *error);

/* The same of a text in Lua, such as "return { port = 80 }". `name` is what messages call it;
 * relative paths start from `folder` (NULL: the working directory). */
LUASERVE_API int luaserve_config_text(struct luaserve *server, const char *text, const char *name,
                                      const char *folder, struct luaserve_error *error);

/* Sets one key, by the dotted name that it has in config.lua ("port", "limits.wall"), written as
 * there without quotes ("3000", "30s", "true"). A later call, file or text wins over an earlier one.
 * A failure changes nothing:
 *   LUASERVE_CONFIG  there is no such key, or it cannot have that value */
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

/* One more socket to listen on (HTTP), instead of the configured addresses: bound and listening, of
 * TCP or a Unix socket, up to 16. The server closes it at its end; what stands behind it (the file of a
 * Unix socket) it leaves alone. After a failure the descriptor is still the caller's, and nothing has
 * changed:
 *   LUASERVE_USAGE        the server listens already
 *   LUASERVE_UNAVAILABLE  it is no listening stream socket, or one too many */
LUASERVE_API int luaserve_adopt(struct luaserve *server, int fd, struct luaserve_error *error);

/* ---- what the host adds ---- */

/* A handler in C. It runs in a worker, in the place of one in Lua: the same hooks stand around it, the
 * same budgets hold, and a crash costs its client alone, who gets a clean 500. Of the time that is up it
 * learns by functions that return -1; what does not return then is killed a second later. Its body,
 * limits.body at most, has come in full when it is called. It returns
 *   0              the answer is what it has made of `response`; nothing, and it is empty
 *   200 … 599      the page of that status, as when a Lua handler returns a number
 *   LUASERVE_NEXT  it is not meant: whoever comes next is asked, at last the files
 * and anything else is a fault: 500, and the log says what it was. It must not leave in another way
 * (longjmp, a C++ exception). */
typedef int luaserve_handler(struct luaserve_request *request, struct luaserve_response *response,
                             void *user);

enum { LUASERVE_NEXT = 1 };

/* A route, beside those of the scripts: methods such as "GET" or "GET, POST" (GET answers HEAD too), a
 * pattern as in Lua ("/items/:id"). It stays when the server reloads. Before luaserve_load. A failure
 * changes nothing:
 *   LUASERVE_USAGE  no such method, no such pattern, no handler, or the scripts are loaded already
 * That a script, or an earlier call, has a route for the same paths is told by luaserve_load. */
LUASERVE_API int luaserve_route(struct luaserve *server, const char *methods, const char *pattern,
                                luaserve_handler *handler, void *user,
                                struct luaserve_error *error);

/* `prepare` is called with each Lua state of the server, after `require "luaserve"` is there and before
 * scripts run: to register modules (luaL_requiref, package.preload) or globals. It may raise a Lua
 * error, which is a fault of the configuration. It is called in luaserve_load; and for every reload
 * twice, in a process that tries it, and then in the host, in luaserve_step. Before luaserve_load. */
LUASERVE_API void luaserve_on_state(struct luaserve *server,
                                    void (*prepare)(struct lua_State *L, void *user), void *user);

/* `log` is given the lines of the log, in place of log.file; log.level holds. A line is whole, with time
 * and level, ends in a line feed and has at most 4096 bytes. It is called in the process that has
 * something to say: in the host for what concerns all, and in each worker for what concerns its client,
 * where it has the memory and the descriptors of the worker. Before luaserve_load. */
LUASERVE_API void luaserve_on_log(struct luaserve *server,
                                  void (*log)(void *user, const char *line, size_t len),
                                  void *user);

enum luaserve_worker {
    LUASERVE_WORKER, /* of a client, or of a pool */
    LUASERVE_SIDE,   /* the second process of a client, or a run of a schedule */
    LUASERVE_LOADER  /* who tried a reload */
};

struct luaserve_ended {
    size_t size; /* of what the library knows of this structure */
    enum luaserve_worker kind;
    int pid;                     /* it is reaped: the number may be another's soon */
    int status;                  /* as of waitpid(2) */
    uint64_t user_us, system_us; /* CPU time, with that of the children it has waited for */
    uint64_t peak_bytes;         /* of memory */
};

/* `ended` is called whenever a worker has ended, in the host, in luaserve_step or luaserve_run (and in
 * luaserve_free); *ended is gone when it returns. It may stop and reload servers, and not step or free
 * them. */
LUASERVE_API void luaserve_on_ended(struct luaserve *server,
                                    void (*ended)(void *user, const struct luaserve_ended *ended),
                                    void *user);

/* ---- in a handler ---- */

/* What is asked. The bytes are good until the handler returns. */
LUASERVE_API struct luaserve_slice luaserve_request_method(const struct luaserve_request *request);
LUASERVE_API struct luaserve_slice
luaserve_request_target(const struct luaserve_request *request); /* as it was sent */
LUASERVE_API struct luaserve_slice luaserve_request_path(
    const struct luaserve_request *request); /* decoded but for "%2F", without the query */
LUASERVE_API struct luaserve_slice
luaserve_request_query(const struct luaserve_request *request); /* as it was sent, without "?" */
/* The value of the first field of that name, in any case. */
LUASERVE_API struct luaserve_slice luaserve_request_header(const struct luaserve_request *request,
                                                           const char *name);
/* What the pattern calls so, decoded; at NULL also where its part is missing. */
LUASERVE_API struct luaserve_slice
luaserve_request_parameter(const struct luaserve_request *request, const char *name);
LUASERVE_API struct luaserve_slice luaserve_request_body(const struct luaserve_request *request);
/* Of whom it comes, behind proxies that are trusted: an address, or "unix"; port 0: not known. */
LUASERVE_API struct luaserve_slice luaserve_request_address(const struct luaserve_request *request);
LUASERVE_API uint16_t luaserve_request_port(const struct luaserve_request *request);
LUASERVE_API struct luaserve_slice
luaserve_request_id(const struct luaserve_request *request); /* as in X-Request-Id */

/* What is answered. These return 0, or -1: it cannot be so, and nothing has changed; or the client has
 * gone, or the handler's time is up, and it should return.
 *
 * The status: 200 unless it is said, 200 to 599. Not once the head is out. Without anything written the
 * answer is the page of that status. */
LUASERVE_API int luaserve_response_status(struct luaserve_response *response, int status);

/* A field; a second one of the same name is added, but Content-Type is replaced ("text/html;
 * charset=utf-8" unless it is said). -1: the head is out, or the name or value cannot be sent, or the
 * field is the server's own (Content-Length, Connection, Date …). */
LUASERVE_API int luaserve_response_header(struct luaserve_response *response, const char *name,
                                          const char *value);

/* Content. As long as it is not more than 64 KiB it is kept, and is sent with its Content-Length when the
 * handler returns. What is longer, or flushed, is sent piece by piece (chunked), and then these wait for
 * clients that are slow; in mode "pool", so do the worker's other clients. */
LUASERVE_API int luaserve_response_write(struct luaserve_response *response, const void *bytes,
                                         size_t len);
LUASERVE_API int luaserve_response_flush(struct luaserve_response *response);

/* That file, which is opened when the handler returns, is the answer, with its media type (unless a
 * Content-Type was set), conditions and ranges: the file of `www` with this path, or any by an absolute
 * one. Where there is no such file: 404. -1: something is written already, or another file was named. */
LUASERVE_API int luaserve_response_file(struct luaserve_response *response, const char *path);

/* ---- loading and listening ---- */

/* Checks the configuration as a whole and runs the scripts, once; listens on nothing. Errors:
 *   LUASERVE_CONFIG  a fault in the configuration or in a script; two routes for the same paths */
LUASERVE_API int luaserve_load(struct luaserve *server, struct luaserve_error *error);

/* Calls `each` for every route of a loaded server, in the order of registration: methods such as
 * "GET, POST", the pattern, and the script and line that it comes from ("luaserve_route" if it is the
 * host's). The texts are good until `each` returns. */
LUASERVE_API void luaserve_routes(const struct luaserve *server,
                                  void (*each)(void *ctx, const char *methods, const char *pattern,
                                               const char *where),
                                  void *ctx);

/* For programs that are a service and nothing else: takes over what a service manager gave this
 * process, which must be single-threaded, and removes it from the environment. Sockets of LISTEN_FDS
 * (sd_listen_fds(3)) are listened on instead of the configured addresses; NOTIFY_SOCKET
 * (sd_notify(3)) is told READY=1, RELOADING=1 and STOPPING=1. Before luaserve_listen. Errors:
 *   LUASERVE_USAGE        the server listens already
 *   LUASERVE_UNAVAILABLE  what was given is no listening stream socket */
LUASERVE_API int luaserve_service(struct luaserve *server, struct luaserve_error *error);

/* Binds and listens on every address of the configuration; clients queue from here on. Then writes
 * `pidfile`, becomes `user` and `group`, and loads the scripts. Errors, beside those of luaserve_load:
 *   LUASERVE_USAGE        the server listens already
 *   LUASERVE_UNAVAILABLE  an address cannot be bound */
LUASERVE_API int luaserve_listen(struct luaserve *server, struct luaserve_error *error);

/* What is really listened on: the port of the first address that has one (1–65535; 0: none, or
 * not listening), and the address number `index` (from 0) as a URL such as
 * "http://127.0.0.1:3000" or "unix:/run/x.sock", NULL behind the last one. The text is good until the
 * server reloads or stops. */
LUASERVE_API uint16_t luaserve_port(const struct luaserve *server);
LUASERVE_API const char *luaserve_address(const struct luaserve *server, size_t index);

/* ---- serving ---- */

/* For programs that are a server and nothing else, such as the command luaserve, before
 * luaserve_start: from here on SIGTERM and SIGINT stop the server gracefully, and a second one at
 * once; SIGHUP is luaserve_reload, SIGUSR1 luaserve_reopen_log. These and SIGCHLD are blocked from here on,
 * for good; while the server runs SIGCHLD has its default and SIGPIPE does nothing; every child of the
 * process is reaped by the server. So it needs no descriptor for each worker. At most one server of a
 * process can have this. */
LUASERVE_API void luaserve_handle_signals(struct luaserve *server);

/* Begins to serve, and listens where that has not been done; clients are served by the steps that
 * follow. Errors, beside those of luaserve_listen:
 *   LUASERVE_USAGE  it was started already (once it has stopped it can only be freed); the process has
 *                   more than one thread */
LUASERVE_API int luaserve_start(struct luaserve *server, struct luaserve_error *error);

/* A descriptor to wait for in the host's own loop, by poll(2) or in an epoll set: it is readable when
 * luaserve_step has something to do, be it a client, the end of a worker, a deadline or a
 * luaserve_stop. The same from start to end; it is not to be read or closed. -1: the server was not
 * started, or has stopped. */
LUASERVE_API int luaserve_fd(const struct luaserve *server);

/* Does what there is to do, and waits for it before, for at most so many milliseconds (0: not at all;
 * -1: as long as it takes); a signal that is handled ends the wait. 1: the server goes on; 0: it has
 * stopped, no worker is left. -1:
 *   LUASERVE_USAGE  it was not started, or not by this thread of this process; nothing has changed */
LUASERVE_API int luaserve_step(struct luaserve *server, int timeout_ms,
                               struct luaserve_error *error);

/* Serves until it is stopped: luaserve_start where that has not been done, and then steps up to the end.
 * Requests in flight may end within limits.drain_timeout; when this returns no worker is left. 0 after a
 * stop. Errors as of these two. */
LUASERVE_API int luaserve_run(struct luaserve *server, struct luaserve_error *error);

/* Makes the server stop gracefully, within limits.drain_timeout; called once more, at once. luaserve_fd is
 * readable then. These three do nothing but in the process that made the server, and may be called from
 * its signal handlers. */
LUASERVE_API void luaserve_stop(struct luaserve *server);

/* Makes the server read its config files and scripts again, after the same luaserve_config_file,
 * luaserve_config_text and luaserve_set that were called at first. A process of its own tries them
 * before; only if that comes to a good end within limits.load (and one second) do new clients get the new
 * generation. Otherwise the log says why not, and nothing changes. Clients that wait between two requests
 * are closed, others after the answer that they are at; their workers keep the old generation until
 * then. Addresses that are no longer configured are closed, new ones bound. */
LUASERVE_API void luaserve_reload(struct luaserve *server);

/* Makes the server and its workers open log.file anew, for whoever moves it away. */
LUASERVE_API void luaserve_reopen_log(struct luaserve *server);

/* ---- as a client ---- */

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

/* Makes a project in the folder `path`, which must not exist, or be empty: config.lua, .busted,
 * .gitignore, README.md, scripts/hello.lua, www/index.html, spec/hello_spec.lua. It needs no server.
 * 0; or -1 with LUASERVE_CREATE, and nothing that was made is left. */
LUASERVE_API int luaserve_new_project(const char *path, struct luaserve_error *error);

/* A connection to be made, and what to do with it. It needs no server. */
struct luaserve_client {
    size_t size;         /* sizeof (struct luaserve_client) */
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
 *   LUASERVE_USAGE        `address` is none, or a Unix socket's together with a local port; or `size`
 *                         is none that this version of the library knows
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
