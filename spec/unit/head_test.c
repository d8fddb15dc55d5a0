#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "http/head.h"

/* ---- vectors (the same reader in head, chunked and uri) ---- */

enum { ROOM = 1 << 16, LINE = 4096 };

struct vector {
    char name[LINE], with[LINE], want[LINE];
    char in[ROOM];
    size_t len;
};

static int hex(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* \r \n \t \\ \xHH, and \{1000*a} for 1000 times "a". The number of bytes written. */
static size_t unescape(const char *text, char *out)
{
    char *to = out;
    for (; *text; text++) {
        if (*text != '\\') {
            *to++ = *text;
        } else if (*++text == 'x') {
            *to++ = (char)(hex(text[1]) << 4 | hex(text[2]));
            text += 2;
        } else if (*text == '{') {
            char *star;
            for (long n = strtol(text + 1, &star, 10); n > 0; n--)
                *to++ = star[1];
            text = star + 2;
        } else {
            *to++ = *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text == 't' ? '\t' : *text;
        }
    }
    return (size_t)(to - out);
}

/* The next case: "case:", "with:", "in:" (several are one) and "want:" up to an empty line. */
static bool next_vector(FILE *file, struct vector *v)
{
    static char line[LINE];
    v->name[0] = v->with[0] = v->want[0] = '\0';
    v->len = 0;
    while (fgets(line, sizeof line, file) && (line[0] != '\n' || !v->name[0])) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "case: ", 6) == 0)
            strcpy(v->name, line + 6);
        else if (strncmp(line, "with: ", 6) == 0)
            strcpy(v->with, line + 6);
        else if (strncmp(line, "want: ", 6) == 0)
            strcpy(v->want, line + 6);
        else if (strncmp(line, "in: ", 4) == 0)
            v->len += unescape(line + 4, v->in + v->len);
        else
            CHECK(line[0] == '#' || line[0] == '\0');
    }
    return v->name[0] != '\0';
}

static void expect(const struct vector *v, const char *how, const char *got)
{
    if (strcmp(got, v->want) == 0)
        return;
    unit_failed_checks++;
    fprintf(stderr, "\"%s\", %s: got \"%s\", expected \"%s\"\n", v->name, how, got, v->want);
}

/* A copy of the bytes that ends where a page begins that nobody may touch. */
static const char *fenced(const char *bytes, size_t len)
{
    static char *fence;
    if (!fence) {
        char *pages =
            mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED || mprotect(pages + ROOM, 4096, PROT_NONE) < 0)
            abort();
        fence = pages + ROOM;
    }
    return memcpy(fence - len, bytes, len);
}

/* ---- heads ---- */

static struct ls_field fields[128];
static struct ls_head head = { .fields = fields };

static uint32_t limit(const struct vector *v, const char *name, uint32_t otherwise)
{
    const char *at = strstr(v->with, name);
    return at ? (uint32_t)strtoul(at + strlen(name), NULL, 10) : otherwise;
}

/* One parser fed with the vector's first bytes; in a buffer that has moved since. */
static int32_t feed(const struct vector *v, size_t len)
{
    struct ls_head_limits limits = { limit(v, "line=", 8192), limit(v, "headers=", 32768),
                                     limit(v, "count=", 100) };
    return ls_head_parse(&head, &limits, fenced(v->in, len), len);
}

/* What the parser says, as the vectors write it. */
static const char *verdict(const struct vector *v, int32_t result)
{
    static char text[2048];
    struct ls_slice method = ls_span_slice(v->in, head.method_token);
    struct ls_slice target = ls_span_slice(v->in, head.target);
    struct ls_slice host = ls_span_slice(v->in, head.host);
    size_t at;
    if (result == 0)
        return "partial";
    if (result < 0) {
        snprintf(text, sizeof text, "%d", -result);
        return text;
    }
    at = (size_t)snprintf(text, sizeof text, "ok %.*s %.*s 1.%d", (int)method.len, method.at,
                          (int)target.len, target.at, head.minor);
    if (host.len > 0)
        at += (size_t)snprintf(text + at, sizeof text - at, " host=%.*s", (int)host.len, host.at);
    if (head.keep_alive)
        at += (size_t)snprintf(text + at, sizeof text - at, " keep-alive");
    if (head.chunked)
        at += (size_t)snprintf(text + at, sizeof text - at, " chunked");
    if (head.has_content_length)
        at += (size_t)snprintf(text + at, sizeof text - at, " content-length=%llu",
                               (unsigned long long)head.content_length);
    if (head.expect_continue)
        at += (size_t)snprintf(text + at, sizeof text - at, " expect-continue");
    if ((size_t)result < v->len)
        snprintf(text + at, sizeof text - at, " rest=%zu", v->len - (size_t)result);
    return text;
}

static void feed_whole(const struct vector *v)
{
    ls_head_reset(&head);
    expect(v, "whole", verdict(v, feed(v, v->len)));
}

static void feed_bytes(const struct vector *v)
{
    int32_t result = 0;
    size_t len = 0;
    ls_head_reset(&head);
    while (result == 0 && len < v->len)
        result = feed(v, ++len);
    expect(v, "byte by byte", verdict(v, result));
    CHECK(result <= 0 || (size_t)result == len);
}

static void feed_halves(const struct vector *v)
{
    char how[32];
    for (size_t cut = 0; cut <= v->len; cut++) {
        ls_head_reset(&head);
        int32_t result = feed(v, cut);
        if (result == 0)
            result = feed(v, v->len);
        snprintf(how, sizeof how, "cut at %zu", cut);
        expect(v, how, verdict(v, result));
    }
}

static void answers_every_vector_however_it_comes(void)
{
    static struct vector v;
    int cases = 0;
    FILE *file = fopen("spec/vectors/head.txt", "r");
    CHECK(file != NULL);
    for (; file && next_vector(file, &v); cases++) {
        feed_whole(&v);
        feed_bytes(&v);
        feed_halves(&v);
    }
    CHECK(cases >= 100);
    if (file)
        fclose(file);
}

/* A vector with one byte changed: nobody says what is right, but it must not depend on the pieces. */
static void compare_mutant(struct vector *v)
{
    int32_t result = 0;
    size_t len = 0;
    ls_head_reset(&head);
    snprintf(v->want, sizeof v->want, "%s", verdict(v, feed(v, v->len)));
    ls_head_reset(&head);
    while (result == 0 && len < v->len)
        result = feed(v, ++len);
    expect(v, "changed, byte by byte", verdict(v, result));
}

static void answers_changed_vectors_alike_however_they_come(void)
{
    static const char bytes[] = "\r\n :\t,@9\0";
    static struct vector v;
    FILE *file = fopen("spec/vectors/head.txt", "r");
    CHECK(file != NULL);
    while (file && next_vector(file, &v)) {
        for (size_t at = 0; at < v.len; at++) {
            char was = v.in[at];
            for (size_t i = 0; i < sizeof bytes - 1; i++) {
                v.in[at] = bytes[i];
                compare_mutant(&v);
            }
            v.in[at] = was;
        }
    }
    if (file)
        fclose(file);
}

/* ---- what the vectors do not show ---- */

static const struct ls_head_limits roomy = { 8192, 32768, 100 };

static int32_t parse(const char *text)
{
    ls_head_reset(&head);
    return ls_head_parse(&head, &roomy, text, strlen(text));
}

static void finds_fields_in_any_case_and_trims_their_values(void)
{
    const char *text = "GET / HTTP/1.1\r\nHost:a\r\nX-One: \t one two \t \r\nx-two:\r\n"
                       "X-ONE:\x80\xff\r\nX-Host: b\r\n\r\n";
    CHECK_INT(parse(text), strlen(text));
    CHECK_INT(head.count, 5);
    CHECK_TEXT(ls_head_value(&head, text, LS_SLICE("x-one")), "one two");
    CHECK_TEXT(ls_head_value(&head, text, LS_SLICE("X-Two")), "");
    CHECK(ls_head_value(&head, text, LS_SLICE("X-Two")).at != NULL);
    CHECK(ls_head_value(&head, text, LS_SLICE("X-Three")).at == NULL);
    CHECK_TEXT(ls_head_value(&head, text, LS_SLICE("hOST")), "a");
    CHECK_INT(ls_head_find(&head, text, 0, LS_SLICE("x-one")), 1);
    CHECK_INT(ls_head_find(&head, text, 2, LS_SLICE("x-one")), 3);
    CHECK_INT(ls_head_find(&head, text, 4, LS_SLICE("x-one")), 5);
    CHECK_TEXT(ls_span_slice(text, fields[3].value), "\x80\xff");
    CHECK_TEXT(ls_span_slice(text, fields[3].name), "X-ONE");
}

static void knows_methods_by_their_exact_names(void)
{
    char text[64];
    for (int m = 0; m < LS_METHODS; m++) {
        struct ls_slice name = ls_method_name((enum ls_method)m);
        CHECK_INT(ls_method_of(name), m);
        snprintf(text, sizeof text, "%.*s / HTTP/1.0\r\n\r\n", (int)name.len, name.at);
        CHECK(parse(text) > 0);
        CHECK_INT(head.method, m);
    }
    CHECK(parse("get / HTTP/1.0\r\n\r\n") > 0);
    CHECK_INT(head.method, LS_METHOD_OTHER);
    CHECK(parse("GETS / HTTP/1.0\r\n\r\n") > 0);
    CHECK_INT(head.method, LS_METHOD_OTHER);
    CHECK_INT(ls_method_name(LS_METHOD_OTHER).len, 0);
}

static void refuses_control_bytes_wherever_they_stand(void)
{
    static const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\nX-A: b c\r\n\r\n";
    char copy[sizeof text];
    for (size_t at = 0; at < sizeof text - 1; at++) {
        for (int byte = 0; byte < 0x20; byte++) {
            if (text[at] == '\r' || text[at] == '\n' || byte == '\t')
                continue;
            memcpy(copy, text, sizeof text);
            copy[at] = (char)byte;
            ls_head_reset(&head);
            CHECK_INT(ls_head_parse(&head, &roomy, fenced(copy, sizeof text - 1), sizeof text - 1),
                      -400);
        }
    }
}

static void wants_each_cr_and_each_lf(void)
{
    static const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\nX-A: b c\r\n\r\n";
    char copy[sizeof text];
    for (size_t at = 0; at < sizeof text - 1; at++) {
        if (text[at] != '\r' && text[at] != '\n')
            continue;
        memcpy(copy, text, at);
        memcpy(copy + at, text + at + 1, sizeof text - 1 - at);
        ls_head_reset(&head);
        int32_t result = ls_head_parse(&head, &roomy, copy, sizeof text - 2);
        /* without its last byte it is a head that is still coming */
        CHECK_INT(result, at == sizeof text - 2 ? 0 : -400);
    }
}

static void keeps_method_and_target_of_a_refused_head(void)
{
    const char *text = "POST /x HTTP/2.0\r\n";
    CHECK_INT(parse(text), -505);
    CHECK_TEXT(ls_span_slice(text, head.method_token), "POST");
    CHECK_TEXT(ls_span_slice(text, head.target), "/x");
    ls_head_reset(&head);
    CHECK(head.fields == fields);
    CHECK_INT(head.target.len, 0);
    CHECK_INT(head.method_token.len, 0);
}

static const struct unit_test tests[] = {
    { "answers every vector, however it comes", answers_every_vector_however_it_comes },
    { "answers changed vectors alike, however they come",
      answers_changed_vectors_alike_however_they_come },
    { "finds fields in any case and trims their values",
      finds_fields_in_any_case_and_trims_their_values },
    { "knows methods by their exact names", knows_methods_by_their_exact_names },
    { "refuses control bytes wherever they stand", refuses_control_bytes_wherever_they_stand },
    { "wants each CR and each LF", wants_each_cr_and_each_lf },
    { "keeps method and target of a refused head", keeps_method_and_target_of_a_refused_head },
};

UNIT_MAIN(tests)
