#include "naive_head.h"
#include "vectors.h"

#include "http/head.h"

enum { LINE = 100, HEADERS = 400, COUNT = 10 };

static const struct ls_head_limits limits = { LINE, HEADERS, COUNT };
static struct ls_field fields[COUNT];

/* What came out, in the words of the vectors. */
static void describe(const struct ls_head *h, int32_t result, size_t len, char out[VECTOR_TEXT])
{
    if (result <= 0) {
        snprintf(out, VECTOR_TEXT, result < 0 ? "%d" : "more", (int)-result);
        return;
    }
    int n = snprintf(out, VECTOR_TEXT, "ok%s%s%s%s", h->minor == 0 ? " 1.0" : "",
                     h->keep_alive ? "" : " close", h->chunked ? " chunked" : "",
                     h->expect_continue ? " continue" : "");
    if (h->has_content_length)
        n += snprintf(out + n, VECTOR_TEXT - (size_t)n, " length=%llu",
                      (unsigned long long)h->content_length);
    if (len > (size_t)result)
        snprintf(out + n, VECTOR_TEXT - (size_t)n, " rest=%zu", len - (size_t)result);
}

/* The bytes from `first` on, `step` more each time; the buffer is another one each time. */
static int32_t feed(struct ls_head *h, const char *bytes, size_t len, size_t first, size_t step)
{
    int32_t result = 0;
    *h = (struct ls_head) { .fields = fields };
    ls_head_reset(h);
    for (size_t n = first < len ? first : len; result == 0; n = n + step < len ? n + step : len) {
        result = ls_head_parse(h, &limits, vector_guard(bytes, n), n);
        if (result == 0) /* no byte is looked for again */
            CHECK_INT(h->seen, n);
        if (n == len)
            break;
    }
    return result;
}

static void run_vector(const struct vector *v)
{
    struct ls_head h;
    char got[VECTOR_TEXT], how[64];
    describe(&h, feed(&h, v->input, v->len, v->len, 1), v->len, got);
    vector_compare(v, "whole", got);
    describe(&h, feed(&h, v->input, v->len, 1, 1), v->len, got);
    vector_compare(v, "byte by byte", got);
    for (size_t cut = 1; cut < v->len; cut++) {
        snprintf(how, sizeof how, "cut at %zu", cut);
        describe(&h, feed(&h, v->input, v->len, cut, v->len), v->len, got);
        vector_compare(v, how, got);
    }
}

static void judges_the_vectors(void)
{
    vectors_run("spec/vectors/head.txt", 110, run_vector);
}

static uint32_t seed;

/* Whatever stands there: the same verdict in pieces as at once, and spans within the input. */
static void run_mutants(const struct vector *v)
{
    static char bytes[VECTOR_ROOM];
    char whole[VECTOR_TEXT], pieces[VECTOR_TEXT];
    struct ls_head h;
    if (v->len > 1000)
        return;
    for (int i = 0; i < 100; i++) {
        memcpy(bytes, v->input, v->len);
        size_t len = vector_mutate(bytes, v->len, &seed);
        describe(&h, feed(&h, bytes, len, len, 1), len, whole);
        for (uint32_t f = 0; strncmp(whole, "ok", 2) == 0 && f < h.count; f++) {
            CHECK(h.fields[f].name.at + h.fields[f].name.len < len);
            CHECK(h.fields[f].value.at + h.fields[f].value.len < len);
        }
        describe(&h, feed(&h, bytes, len, 1, vector_random(&seed) % 7 + 1), len, pieces);
        if (strcmp(whole, pieces) != 0) {
            fprintf(stderr, "whole \"%s\", in pieces \"%s\": %.*s\n", whole, pieces, (int)len,
                    bytes);
            vector_fail("not the same verdict");
        }
    }
}

static void gives_the_same_verdict_in_pieces(void)
{
    seed = 20261123;
    vectors_run("spec/vectors/head.txt", 1, run_mutants);
}

static void compare_with_naive(const struct ls_head *h, int32_t ours, const char *bytes, size_t len)
{
    struct ls_field of_naive[COUNT];
    struct naive n;
    const char *guarded = vector_guard(bytes, len);
    long naive = naive_head(&n, &limits, of_naive, guarded, len);
    bool same = ours > 0 ? naive == ours && naive_same(&n, h) : naive <= 0;
    if (!same)
        fprintf(stderr, "%.*s\nours %d, naive %ld\n", (int)len, bytes, (int)ours, naive);
    CHECK(same);
}

static void run_against_naive(const struct vector *v)
{
    static char bytes[VECTOR_ROOM];
    struct ls_head h;
    compare_with_naive(&h, feed(&h, v->input, v->len, v->len, 1), v->input, v->len);
    for (int i = 0; i < 300 && v->len < 1000; i++) {
        memcpy(bytes, v->input, v->len);
        size_t len = vector_mutate(bytes, v->len, &seed);
        compare_with_naive(&h, feed(&h, bytes, len, len, 1), bytes, len);
    }
}

static void agrees_with_a_naive_reader(void)
{
    seed = 11;
    vectors_run("spec/vectors/head.txt", 1, run_against_naive);
}

static int32_t parse(struct ls_head *h, const char *text)
{
    return feed(h, text, strlen(text), strlen(text), 1);
}

static void takes_a_request_apart(void)
{
    static const char text[] =
        "\r\nPATCH /a?b HTTP/1.1\r\nHost: h:1\r\nEmpty:\r\nX-A:\t v  w \t\r\n"
        "Content-Length: 007\r\n\r\nbody";
    struct ls_head h;
    CHECK_INT(parse(&h, text), (int)sizeof text - 5);
    CHECK_INT(h.method, LS_PATCH);
    CHECK_TEXT(ls_span_slice(text, h.method_token), "PATCH");
    CHECK_TEXT(ls_span_slice(text, h.target), "/a?b");
    CHECK_TEXT(ls_span_slice(text, h.host), "h:1");
    CHECK_INT(h.minor, 1);
    CHECK_INT(h.content_length, 7);
    CHECK_INT(h.count, 4);
    CHECK_TEXT(ls_span_slice(text, h.fields[1].name), "Empty");
    CHECK_TEXT(ls_span_slice(text, h.fields[1].value), "");
    CHECK_TEXT(ls_span_slice(text, h.fields[2].value), "v  w");
}

static void finds_fields_in_any_case(void)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Host: b\r\nx-a: 1\r\nX-A: 2\r\n\r\n";
    struct ls_head h;
    CHECK(parse(&h, text) > 0);
    CHECK_INT(ls_head_find(&h, text, 0, LS_SLICE("X-A")), 2);
    CHECK_INT(ls_head_find(&h, text, 3, LS_SLICE("x-a")), 3);
    CHECK_INT(ls_head_find(&h, text, 4, LS_SLICE("x-a")), 4);
    CHECK_TEXT(ls_head_value(&h, text, LS_SLICE("HOST")), "a");
    CHECK(ls_head_value(&h, text, LS_SLICE("X-")).at == NULL);
}

static void is_new_after_a_reset(void)
{
    static const char first[] = "POST / HTTP/1.0\r\nConnection: keep-alive\r\n"
                                "Content-Length: 5\r\n\r\n";
    static const char second[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct ls_head h;
    CHECK(parse(&h, first) > 0);
    ls_head_reset(&h);
    CHECK(h.fields == fields);
    CHECK_INT(ls_head_parse(&h, &limits, second, sizeof second - 1), (int)sizeof second - 1);
    CHECK(!h.has_content_length);
    CHECK_INT(h.content_length, 0);
    CHECK_INT(h.count, 1);
    CHECK_INT(h.minor, 1);
}

static void keeps_what_it_knows_of_a_refused_request(void)
{
    static const char text[] = "GET /secret HTTP/1.1\r\nno colon\r\n\r\n";
    struct ls_head h;
    CHECK_INT(parse(&h, text), -400);
    CHECK_INT(h.method, LS_GET);
    CHECK_TEXT(ls_span_slice(text, h.target), "/secret");
}

static void knows_the_methods(void)
{
    for (int m = 0; m < LS_METHODS; m++)
        CHECK_INT(ls_method_of(ls_method_name((enum ls_method)m)), m);
    CHECK_TEXT(ls_method_name(LS_DELETE), "DELETE");
    CHECK_INT(ls_method_of(LS_SLICE("get")), LS_METHOD_OTHER);
    CHECK_INT(ls_method_of(LS_SLICE("GE")), LS_METHOD_OTHER);
    CHECK_INT(ls_method_of(LS_SLICE("")), LS_METHOD_OTHER);
    CHECK_INT(ls_method_of(LS_SLICE("PROPFIND")), LS_METHOD_OTHER);
}

static const struct unit_test tests[] = {
    { "judges the vectors: whole, byte by byte, cut anywhere", judges_the_vectors },
    { "gives mutated heads the same verdict in pieces as at once",
      gives_the_same_verdict_in_pieces },
    { "agrees with a naive reader, on mutated heads too", agrees_with_a_naive_reader },
    { "takes a request apart", takes_a_request_apart },
    { "finds fields in any case, and only whole names", finds_fields_in_any_case },
    { "remembers nothing after a reset", is_new_after_a_reset },
    { "keeps method and target of a refused request", keeps_what_it_knows_of_a_refused_request },
    { "knows the methods", knows_the_methods },
};

UNIT_MAIN(tests)
