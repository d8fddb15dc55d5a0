/* A site for the engine without Lua: handlers in C, and a folder with a few files. */
#ifndef FUZZ_SITE_H
#define FUZZ_SITE_H

#include "fuzz.h"
#include "memory.h"
#include "valgrind.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exchange/answer.h"
#include "exchange/gzip.h"
#include "exchange/reading.h"
#include "os/folder.h"

enum { SITE_SMALL = 1000, SITE_LARGE = 100000 }; /* bytes of small.bin, large.bin */

static struct ls_site site;
static char site_folder[] = "/tmp/luaserve-fuzz-XXXXXX";

static inline char site_byte(size_t at)
{
    return (char)(at * 7919 >> 3);
}

/* ---- handlers: each but the last answers; their numbers are the routes' ---- */

enum { PLAIN, ECHO, IGNORE, STREAM, NEXT, EMPTY, HANDLERS };

static inline enum ls_ran site_echo(struct ls_engine *e)
{
    int got = ls_engine_read_body(e);
    if (got == 0)
        return LS_RAN_WAIT;
    if (got == -EPIPE)
        return LS_RAN_DONE;
    if (got < 0)
        ls_answer_page(e, -got, NULL);
    else
        ls_answer(e, 200, (struct ls_slice) { e->content.at, e->content.len });
    return LS_RAN_DONE;
}

static inline enum ls_ran site_start(void *ctx, struct ls_engine *e, int handler)
{
    (void)ctx;
    switch (handler) {
    case ECHO:
        return site_echo(e);
    case STREAM:
        ls_answer_stream(e, 200);
        ls_answer_piece(e, LS_SLICE("one"));
        ls_answer_piece(e, LS_SLICE("two"));
        ls_answer_end(e);
        return LS_RAN_DONE;
    case NEXT:
        return LS_RAN_NEXT;
    case EMPTY:
        ls_answer(e, 204, LS_SLICE(""));
        return LS_RAN_DONE;
    default:
        ls_answer(e, 200, LS_SLICE("plain"));
        return LS_RAN_DONE;
    }
}

static inline enum ls_ran site_resume(void *ctx, struct ls_engine *e)
{
    (void)ctx;
    return site_echo(e); /* no other waits */
}

static inline void site_drop(void *ctx, struct ls_engine *e)
{
    (void)ctx, (void)e;
}

/* ---- files ---- */

static const char *const site_files[] = { "index.html", "a.txt",     "a.txt.gz",  "a.txt.br",
                                          "404.html",   "small.bin", "large.bin", "large.txt" };

static inline void site_write(int dir, const char *name, size_t len, bool text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    FILE *file = fdopen(fd, "w");
    FUZZ_CHECK(file != NULL);
    for (size_t i = 0; i < len; i++)
        putc(text ? "text\n"[i % 5] : site_byte(i), file);
    FUZZ_CHECK(fclose(file) == 0);
}

static inline void site_remove(void)
{
    for (size_t i = 0; i < sizeof site_files / sizeof *site_files; i++)
        unlinkat(site.www.root, site_files[i], 0);
    rmdir(site_folder);
}

static inline struct ls_router *site_routes(void)
{
    static const struct {
        unsigned methods;
        int handler;
        const char *pattern;
    } routes[] = {
        { 1 << LS_GET, PLAIN, "/plain" },       { 1 << LS_POST | 1 << LS_PUT, ECHO, "/echo" },
        { 1 << LS_POST, IGNORE, "/ignore" },    { 1 << LS_GET, STREAM, "/stream" },
        { 1 << LS_GET, NEXT, "/a.txt" },        { 1 << LS_DELETE, EMPTY, "/empty/:id" },
        { 1 << LS_GET, PLAIN, "/splat/*rest" }, { 1 << LS_GET, PLAIN, "/slash/" },
    };
    struct ls_buffer why = { 0 };
    struct ls_router *router = ls_router_new();
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct ls_route route = { .methods = routes[i].methods,
                                  .handler = routes[i].handler,
                                  .pattern = (char *)routes[i].pattern,
                                  .where = (char *)"fuzz" };
        FUZZ_CHECK(router && ls_router_add(router, &route, &why) == 0);
    }
    return router;
}

static inline void site_make(void)
{
    static const struct ls_log silent = { .level = LS_LOG_OFF };
    if (site.router)
        return;
    suit_valgrind();
    FUZZ_CHECK(mkdtemp(site_folder) != NULL);
    int root = ls_folder_open(site_folder);
    FUZZ_CHECK(root >= 0);
    for (size_t i = 0; i < 5; i++)
        site_write(root, site_files[i], 20 + i, true);
    site_write(root, "small.bin", SITE_SMALL, false);
    site_write(root, "large.bin", SITE_LARGE, false);
    site_write(root, "large.txt", SITE_LARGE, true);
    site = (struct ls_site) {
        .head = { 1000, 4000, 20 },
        .limits = { .body = 5000,
                    .wall = 1000000,
                    .body_timeout = 1000000,
                    .send_timeout = 1000000 },
        .head_timeout = 1000000,
        .idle_timeout = 1000000,
        .linger_timeout = 1000000,
        .requests = 100,
        .router = site_routes(),
        .www = { .root = root,
                 .index = "index.html",
                 .listing = true,
                 .max_age = 60,
                 .gzip = ls_gzip_load() },
        .handlers = { .start = site_start, .resume = site_resume, .drop = site_drop },
        .log = &silent
    };
    atexit(site_remove);
}

/* ---- answers ---- */

struct answer {
    int status;
    struct ls_slice head, body; /* head: lines with their CR LF, the status line too */
};

static inline struct ls_slice answer_field(const struct answer *a, const char *name)
{
    size_t len = strlen(name);
    struct ls_slice rest = a->head;
    while (rest.len > len) {
        size_t end = ls_slice_find(rest, 0, '\n');
        if (ls_slice_equal((struct ls_slice) { rest.at, len }, ls_slice_of(name)) &&
            rest.at[len] == ':')
            return ls_slice_trim((struct ls_slice) { rest.at + len + 1, end - len - 2 });
        rest = ls_slice_from(rest, end + 1);
    }
    return (struct ls_slice) { NULL, 0 };
}

/* Bytes of a chunked body at the front. */
static inline size_t answer_chunks(struct ls_slice text)
{
    size_t at = 0;
    for (;;) {
        char *end;
        FUZZ_CHECK(at < text.len);
        size_t size = strtoul(text.at + at, &end, 16);
        at = (size_t)(end - text.at) + 2;
        FUZZ_CHECK(end[0] == '\r' && end[1] == '\n' && at + size + 2 <= text.len);
        FUZZ_CHECK(memcmp(text.at + at + size, "\r\n", 2) == 0);
        at += size + 2;
        if (size == 0)
            return at;
    }
}

/* Takes one answer off the front of what was sent, which must be well-formed; `text` has a NUL
 * behind it. False at its end. */
static inline bool answer_next(struct ls_slice *text, struct answer *a)
{
    static const char version[] = "HTTP/1.1 ";
    if (text->len == 0)
        return false;
    const char *end = memmem(text->at, text->len, "\r\n\r\n", 4);
    FUZZ_CHECK(end && memcmp(text->at, version, sizeof version - 1) == 0);
    a->status = atoi(text->at + sizeof version - 1);
    a->head = (struct ls_slice) { text->at, (size_t)(end + 2 - text->at) };
    a->body = ls_slice_from(*text, a->head.len + 2);
    FUZZ_CHECK(a->status >= 100 && a->status <= 599);
    struct ls_slice length = answer_field(a, "Content-Length");
    bool chunked = answer_field(a, "Transfer-Encoding").at != NULL;
    bool bare = a->status < 200 || a->status == 204 || a->status == 304;
    FUZZ_CHECK(!chunked || !length.at);
    FUZZ_CHECK(!bare || (!chunked && !length.at));
    uint64_t len = a->body.len;
    if (bare)
        len = 0;
    else if (length.at)
        FUZZ_CHECK(ls_slice_to_u64(length, &len) == 0);
    else if (chunked)
        len = answer_chunks(a->body);
    FUZZ_CHECK(len <= a->body.len);
    a->body.len = (size_t)len;
    *text = ls_slice_from(*text, a->head.len + 2 + (size_t)len);
    return true;
}

#endif
