#include "vectors.h"

#include "http/chunked.h"

static char content[VECTOR_ROOM];
static size_t content_len;

/* One piece of the input. -1: refused; else how much of it was taken. */
static int64_t feed_piece(struct ls_chunked *c, const char *bytes, size_t len)
{
    const char *at = vector_guard(bytes, len);
    size_t taken = 0;
    while (taken < len && !c->done) {
        struct ls_slice run;
        int64_t n = ls_chunked_feed(c, (struct ls_slice) { at + taken, len - taken }, &run);
        if (n < 0) {
            CHECK_INT(n, -400);
            CHECK_INT(ls_chunked_feed(c, LS_SLICE("\r\n0\r\n\r\n"), &run), -400); /* for good */
            return -1;
        }
        CHECK(n > 0 && (size_t)n <= len - taken);
        CHECK(run.len == 0 || (run.at >= at + taken && run.at + run.len <= at + taken + n));
        memcpy(content + content_len, run.at, run.len);
        content_len += run.len;
        taken += (size_t)n;
    }
    return (int64_t)taken;
}

/* The first `first` bytes, then `step` a time: "400", "more CONTENT" or "ok CONTENT[ rest=N]". */
static void feed(const char *bytes, size_t len, size_t first, size_t step, char got[VECTOR_TEXT])
{
    struct ls_chunked c = { 0 };
    size_t at = 0, size = first;
    content_len = 0;
    while (at < len && !c.done) {
        size = size < len - at ? size : len - at;
        int64_t taken = feed_piece(&c, bytes + at, size);
        if (taken < 0) {
            snprintf(got, VECTOR_TEXT, "400");
            return;
        }
        at += (size_t)taken;
        size = step;
    }
    int n = snprintf(got, VECTOR_TEXT, "%s%s%.*s", c.done ? "ok" : "more", content_len ? " " : "",
                     (int)content_len, content);
    if (at < len)
        snprintf(got + n, VECTOR_TEXT - (size_t)n, " rest=%zu", len - at);
}

static void run_vector(const struct vector *v)
{
    char got[VECTOR_TEXT], how[64];
    feed(v->input, v->len, v->len, 1, got);
    vector_compare(v, "whole", got);
    feed(v->input, v->len, 1, 1, got);
    vector_compare(v, "byte by byte", got);
    for (size_t cut = 1; cut < v->len; cut++) {
        snprintf(how, sizeof how, "cut at %zu", cut);
        feed(v->input, v->len, cut, v->len, got);
        vector_compare(v, how, got);
    }
}

static void judges_the_vectors(void)
{
    vectors_run("spec/vectors/chunked.txt", 60, run_vector);
}

static uint32_t seed;

static void run_mutants(const struct vector *v)
{
    static char bytes[VECTOR_ROOM];
    char whole[VECTOR_TEXT], pieces[VECTOR_TEXT];
    for (int i = 0; i < 100 && v->len < 1000; i++) {
        memcpy(bytes, v->input, v->len);
        size_t len = vector_mutate(bytes, v->len, &seed);
        feed(bytes, len, len, 1, whole);
        feed(bytes, len, 1, vector_random(&seed) % 7 + 1, pieces);
        CHECK(strcmp(whole, pieces) == 0);
    }
}

static void gives_the_same_in_pieces(void)
{
    seed = 7;
    vectors_run("spec/vectors/chunked.txt", 1, run_mutants);
}

/* `count` times the part, then the end. */
static void repeat(const char *part, int count, char got[VECTOR_TEXT])
{
    struct ls_chunked c = { 0 };
    int64_t taken = 0;
    for (int i = 0; i < count && taken >= 0; i++) {
        content_len = 0;
        taken = feed_piece(&c, part, strlen(part));
    }
    if (taken >= 0)
        taken = feed_piece(&c, "0\r\n\r\n", 5);
    snprintf(got, VECTOR_TEXT, taken < 0 ? "400" : c.done ? "ok" : "more");
}

static void bounds_what_extensions_cost(void)
{
    char got[VECTOR_TEXT];
    repeat("1\r\nx\r\n", 100000, got);
    CHECK(strcmp(got, "ok") == 0);
    repeat("1;a=0123456789\r\nx\r\n", 100000, got);
    CHECK(strcmp(got, "ok") == 0);
    repeat("1;a=0123456789012345678901234567890123456789\r\nx\r\n", 100000, got);
    CHECK(strcmp(got, "400") == 0);
}

static void hands_out_large_chunks_in_place(void)
{
    struct ls_chunked c = { 0 };
    struct ls_slice run, in = LS_SLICE("7fffffffffffffff\r\nabc");
    CHECK_INT(ls_chunked_feed(&c, in, &run), (int)in.len);
    CHECK(run.at == in.at + 18);
    CHECK_INT(run.len, 3);
    CHECK(c.left == INT64_MAX - 3);
}

static const struct unit_test tests[] = {
    { "judges the vectors: whole, byte by byte, cut anywhere", judges_the_vectors },
    { "gives mutated bodies the same verdict in pieces as at once", gives_the_same_in_pieces },
    { "bounds what extensions cost in many small chunks", bounds_what_extensions_cost },
    { "hands out content where it stands, up to 2^63-1 bytes", hands_out_large_chunks_in_place },
};

UNIT_MAIN(tests)
