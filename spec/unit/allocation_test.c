/* What an ordinary request allocates: nothing, once its connection has seen the like of it. The linker
 * sends what this program and its static libraries allocate through here (--wrap). */
#include "unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "exchange/shelf.h"
#include "memory.h"
#include "valgrind.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

static unsigned allocations;

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    allocations++;
    return __real_realloc(at, size);
}

#define REQUEST "GET /a.bin HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"

static bool is_answered(struct memory *m)
{
    bool right = false;
    m->in = LS_SLICE(REQUEST);
    for (int steps = 0; steps < 20; steps++) {
        struct ls_need need = ls_engine_step(&m->engine);
        struct ls_slice ahead = ls_output_ahead(&m->engine.out);
        if (need.kind == LS_NEED_INPUT && m->in.len == 0)
            return right;
        if (need.kind == LS_NEED_INPUT)
            memory_feed(m);
        else if (need.kind == LS_NEED_OUTPUT) {
            right = ahead.len > 12 && memcmp(ahead.at, "HTTP/1.1 200", 12) == 0;
            ls_output_sent(&m->engine.out, ahead.len);
        }
    }
    return false;
}

static struct ls_shelf shelf = { .settled = -3600 };

static void nothing_for_a_file_that_is_kept(void)
{
    char folder[] = "/tmp/luaserve-allocation-XXXXXX";
    struct memory m;
    suit_valgrind();
    CHECK(mkdtemp(folder) != NULL);
    int root = open(folder, O_RDONLY | O_DIRECTORY);
    int file = openat(root, "a.bin", O_WRONLY | O_CREAT, 0600);
    CHECK_INT(write(file, "content", 7), 7);
    struct ls_router *router = ls_router_new();
    const struct ls_site site = { .head = { 8192, 32768, 100 },
                                  .head_timeout = 60000000,
                                  .idle_timeout = 60000000,
                                  .limits.send_timeout = 60000000,
                                  .requests = 1000,
                                  .router = router,
                                  .www = { .root = root, .index = "index.html", .shelf = &shelf } };
    CHECK_INT(memory_begin(&m, &site, LS_SLICE(""), 1000, true), 0);
    for (int i = 0; i < 3; i++)
        CHECK(is_answered(&m));
    CHECK(allocations > 0);
    allocations = 0;
    for (int i = 0; i < 100; i++)
        CHECK(is_answered(&m));
    CHECK_INT(allocations, 0);
    memory_end(&m);
    ls_shelf_free(&shelf);
    ls_router_free(&router);
    unlinkat(root, "a.bin", 0);
    rmdir(folder);
    close(file);
    close(root);
}

static const struct unit_test tests[] = {
    { "nothing for a file that is kept", nothing_for_a_file_that_is_kept },
};

UNIT_MAIN(tests)
