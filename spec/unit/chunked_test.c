#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "http/chunked.h"

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

/* ---- bodies ---- */

/* One decoder and the content that it has found. */
struct run {
    struct ls_chunked decoder;
    char content[ROOM];
    size_t len;   /* of the content */
    size_t taken; /* bytes of the body */
};

static struct run run;

static void begin(void)
{
    memset(&run, 0, sizeof run);
}

/* Gives the decoder the bytes from run.taken to `end`. False: refused. */
static bool feed(const char *bytes, size_t end)
{
    while (run.taken < end && !run.decoder.done) {
        struct ls_slice in = { fenced(bytes + run.taken, end - run.taken), end - run.taken };
        struct ls_slice content;
        int64_t took = ls_chunked_feed(&run.decoder, in, &content);
        CHECK(took == -400 || (took > 0 && (size_t)took <= in.len));
        if (took <= 0)
            return false;
        CHECK(content.at >= in.at && content.at + content.len <= in.at + took);
        memcpy(run.content + run.len, content.at, content.len);
        run.len += content.len;
        run.taken += (size_t)took;
    }
    return true;
}

/* What the decoder says, as the vectors write it. */
static const char *verdict(bool fine, size_t len)
{
    static char text[4 * ROOM];
    char *to = text;
    if (!fine)
        return "400";
    to += sprintf(to, "%s \"", run.decoder.done ? "ok" : "partial");
    for (size_t i = 0; i < run.len; i++) {
        unsigned char byte = (unsigned char)run.content[i];
        to += sprintf(to, byte >= 0x20 && byte < 0x7f ? "%c" : "\\x%02x", byte);
    }
    to += sprintf(to, "\"");
    if (run.taken < len)
        sprintf(to, " rest=%zu", len - run.taken);
    return text;
}

static void feed_whole(const struct vector *v)
{
    begin();
    bool fine = feed(v->in, v->len);
    expect(v, "whole", verdict(fine, v->len));
}

static void feed_bytes(const struct vector *v)
{
    bool fine = true;
    begin();
    for (size_t end = 1; fine && end <= v->len; end++)
        fine = feed(v->in, end);
    expect(v, "byte by byte", verdict(fine, v->len));
}

static void feed_halves(const struct vector *v)
{
    char how[32];
    for (size_t cut = 0; cut <= v->len; cut++) {
        begin();
        bool fine = feed(v->in, cut) && feed(v->in, v->len);
        snprintf(how, sizeof how, "cut at %zu", cut);
        expect(v, how, verdict(fine, v->len));
    }
}

static void decodes_every_vector_however_it_comes(void)
{
    static struct vector v;
    int cases = 0;
    FILE *file = fopen("spec/vectors/chunked.txt", "r");
    CHECK(file != NULL);
    for (; file && next_vector(file, &v); cases++) {
        feed_whole(&v);
        feed_bytes(&v);
        feed_halves(&v);
    }
    CHECK(cases >= 70);
    if (file)
        fclose(file);
}

static void decodes_changed_vectors_alike_however_they_come(void)
{
    static const char bytes[] = "\r\n0;:\"\\\0";
    static struct vector v;
    FILE *file = fopen("spec/vectors/chunked.txt", "r");
    CHECK(file != NULL);
    while (file && next_vector(file, &v)) {
        for (size_t at = 0; at < v.len && v.len < 100; at++) {
            char was = v.in[at];
            for (size_t i = 0; i < sizeof bytes - 1; i++) {
                v.in[at] = bytes[i];
                begin();
                bool fine = feed(v.in, v.len);
                snprintf(v.want, sizeof v.want, "%s", verdict(fine, v.len));
                feed_bytes(&v);
            }
            v.in[at] = was;
        }
    }
    if (file)
        fclose(file);
}

/* ---- what the vectors do not show ---- */

static void gives_content_without_copying_it(void)
{
    struct ls_chunked c = { 0 };
    struct ls_slice in = LS_SLICE("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nnext"), content;
    CHECK_INT(ls_chunked_feed(&c, in, &content), 6);
    CHECK(content.at == in.at + 3);
    CHECK_TEXT(content, "abc");
    in = ls_slice_from(in, 6);
    CHECK_INT(ls_chunked_feed(&c, in, &content), 7);
    CHECK_TEXT(content, "de");
    CHECK(!c.done);
    in = ls_slice_from(in, 7);
    CHECK_INT(ls_chunked_feed(&c, in, &content), 7);
    CHECK_INT(content.len, 0);
    CHECK(c.done);
}

static void counts_a_chunk_that_fits_no_memory(void)
{
    static char block[1 << 16];
    struct ls_chunked c = { 0 };
    struct ls_slice content, data = { block, sizeof block };
    CHECK_INT(ls_chunked_feed(&c, LS_SLICE("140000001\r\n"), &content), 11);
    for (int i = 0; i < 0x14000; i++) {
        CHECK_INT(ls_chunked_feed(&c, data, &content), sizeof block);
        CHECK_INT(content.len, sizeof block);
    }
    CHECK_INT(c.left, 1);
    CHECK_INT(ls_chunked_feed(&c, LS_SLICE("a\r\n0\r\n\r\n"), &content), 1);
    CHECK_TEXT(content, "a");
    CHECK_INT(ls_chunked_feed(&c, LS_SLICE("\r\n0\r\n\r\n"), &content), 7);
    CHECK(c.done);
}

static const struct unit_test tests[] = {
    { "decodes every vector, however it comes", decodes_every_vector_however_it_comes },
    { "decodes changed vectors alike, however they come",
      decodes_changed_vectors_alike_however_they_come },
    { "gives content without copying it", gives_content_without_copying_it },
    { "counts a chunk that fits no memory", counts_a_chunk_that_fits_no_memory },
};

UNIT_MAIN(tests)
