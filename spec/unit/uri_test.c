#include "vectors.h"

#include "http/uri.h"

static const char *const forms[] = { "", " absolute", " asterisk", " authority" };

static int text_of(char *out, size_t at, const char *label, struct ls_slice text)
{
    return snprintf(out + at, VECTOR_TEXT - at, "%s%.*s", label, (int)text.len, text.at);
}

static void describe(const struct ls_target *t, int result, char out[VECTOR_TEXT])
{
    size_t at = 0;
    if (result < 0) {
        snprintf(out, VECTOR_TEXT, "%d", -result);
        return;
    }
    at += (size_t)snprintf(out, VECTOR_TEXT, "ok%s %u", forms[t->form], t->count);
    if (t->path.len > 0)
        at += (size_t)text_of(out, at, " ", t->path);
    if (t->query.at)
        at += (size_t)text_of(out, at, " query=", t->query);
    if (t->authority.len > 0)
        text_of(out, at, " authority=", t->authority);
}

/* Everything that came out lies in the store, or in the target where that is promised. */
static bool inside(struct ls_slice part, const char *at, size_t size)
{
    return part.len == 0 || (part.at >= at && part.at + part.len <= at + size);
}

static int parse(struct ls_slice method, struct ls_slice text, struct ls_target *t)
{
    size_t size = 4 * text.len + 4;
    char *store = malloc(size); /* exactly: a sanitizer sees one byte too many */
    static char kept[4 * VECTOR_ROOM + 4];
    if (!store)
        abort();
    int result = ls_target_parse(ls_method_of(method), text, store, t);
    for (uint32_t i = 0; result == 0 && i < t->count; i++) {
        CHECK(inside(t->segments[i], store, size));
        t->segments[i].at = kept + (t->segments[i].at - store);
    }
    if (result == 0 && t->path.len > 0 && t->form != LS_ASTERISK_FORM) {
        CHECK(inside(t->path, store, size) || t->path.len == 1);
        if (inside(t->path, store, size))
            t->path.at = kept + (t->path.at - store);
    }
    memcpy(kept, store, size);
    free(store);
    return result;
}

/* "METHOD target" */
static int parse_vector(const char *input, size_t len, struct ls_target *t)
{
    struct ls_slice all = { input, len };
    size_t space = ls_slice_find(all, 0, ' ');
    struct ls_slice target = ls_slice_from(all, space < len ? space + 1 : len);
    target.at = vector_guard(target.at, target.len);
    return parse((struct ls_slice) { input, space }, target, t);
}

static void run_vector(const struct vector *v)
{
    static struct ls_target t;
    char got[VECTOR_TEXT];
    describe(&t, parse_vector(v->input, v->len, &t), got);
    vector_compare(v, "target", got);
}

static void judges_the_vectors(void)
{
    vectors_run("spec/vectors/uri.txt", 90, run_vector);
}

static uint32_t seed;

/* What is accepted holds: no dot segment, no NUL, and the path is its segments. */
static void check_accepted(const struct ls_target *t)
{
    size_t len = t->slash || t->count == 0;
    for (uint32_t i = 0; i < t->count; i++) {
        struct ls_slice s = t->segments[i];
        CHECK(!ls_slice_equal(s, LS_SLICE(".")) && !ls_slice_equal(s, LS_SLICE("..")));
        len += 1 + s.len;
        for (size_t b = 0; b < s.len; b++) {
            CHECK(s.at[b] != '\0');
            len += s.at[b] == '/' || s.at[b] == '%' ? 2 : 0;
        }
    }
    if (t->form == LS_ORIGIN_FORM || t->form == LS_ABSOLUTE_FORM)
        CHECK_INT(t->path.len, len);
}

static void run_mutants(const struct vector *v)
{
    static char bytes[VECTOR_ROOM];
    static struct ls_target t;
    for (int i = 0; i < 200 && v->len < 1000; i++) {
        memcpy(bytes, v->input, v->len);
        size_t len = vector_mutate(bytes, v->len, &seed);
        if (parse_vector(bytes, len, &t) == 0)
            check_accepted(&t);
    }
}

static void keeps_its_promises(void)
{
    seed = 99;
    vectors_run("spec/vectors/uri.txt", 1, run_mutants);
}

static void splits_before_it_decodes(void)
{
    static struct ls_target t;
    CHECK_INT(parse(LS_SLICE("GET"), LS_SLICE("/a%2Fb/%25/c%20d//e/"), &t), 0);
    CHECK_INT(t.count, 5);
    CHECK_TEXT(t.segments[0], "a/b");
    CHECK_TEXT(t.segments[1], "%");
    CHECK_TEXT(t.segments[2], "c d");
    CHECK_TEXT(t.segments[3], "");
    CHECK_TEXT(t.segments[4], "e");
    CHECK(t.slash);
    CHECK_TEXT(t.path, "/a%2Fb/%25/c d//e/");
}

static void bounds_the_segments(void)
{
    static struct ls_target t;
    char text[2 * LS_TARGET_SEGMENTS + 2];
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "/a", 2);
    struct ls_slice most = { text, sizeof text - 2 }, more = { text, sizeof text };
    CHECK_INT(parse(LS_SLICE("GET"), most, &t), 0);
    CHECK_INT(t.count, LS_TARGET_SEGMENTS);
    CHECK_INT(parse(LS_SLICE("GET"), more, &t), -400);
}

static void judges_hosts(void)
{
    static const char *const good[] = {
        "",
        "a",
        "example.com",
        "example.com.",
        "EXAMPLE.com:80",
        "a_b",
        "1.2.3.4",
        "1.2.3.4:65535",
        "a:",
        "[::]",
        "[::1]:80",
        "[1:2:3:4:5:6:7:8]",
        "[1::8]",
        "[::ffff:1.2.3.4]",
        "[fe80::1]:",
        "[v1.a:b]",
        "[vF0.!$&'()*+,;=-._~]",
        "a%20b",
        "%41",
        "0.0.0.0=5000",
        "xn--bcher-kva.example",
    };
    static const char *const bad[] = {
        " ",
        "a b",
        "a/b",
        "a\\b",
        "u@a",
        "a?b",
        "a#b",
        "a,b:c",
        "a:b",
        "a:-1",
        "a:+1",
        "a:80:80",
        "a:0x50",
        "a:65536",
        "a:99999999999999999999",
        "::1",
        "[",
        "[]",
        "[::1",
        "::1]",
        "[::1]a",
        "[::1]80",
        "[1]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1:2:3:4:5:6:7]",
        "[1::2::3]",
        "[:::]",
        "[12345::]",
        "[g::]",
        "[::1.2.3]",
        "[::1.2.3.256]",
        "[1.2.3.4]",
        "[::1%25en0]",
        "[v.a]",
        "[v1.]",
        "[v1]",
        "[vg.a]",
        "%",
        "%4",
        "%zz",
        "a%",
        "{",
        "a\xff",
        "a\x01",
        "\"a\"",
        "<a>",
        "a|b",
        "a^b",
        "`",
        "[::1]:x",
        "a]",
        ":80",
        ".",
        ".a",
        "-a",
        "a..b",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct ls_slice text = ls_slice_of(good[i]);
        if (!ls_host_valid((struct ls_slice) { vector_guard(text.at, text.len), text.len })) {
            fprintf(stderr, "host \"%s\"\n", good[i]);
            vector_fail("not accepted");
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ls_slice text = ls_slice_of(bad[i]);
        if (ls_host_valid((struct ls_slice) { vector_guard(text.at, text.len), text.len })) {
            fprintf(stderr, "host \"%s\"\n", bad[i]);
            vector_fail("not refused");
        }
    }
    CHECK(!ls_host_valid((struct ls_slice) { "a\0b", 3 }));
    CHECK(!ls_host_valid((struct ls_slice) { "[::1\0]", 6 }));
}

static void decodes_forms(void)
{
    char out[64];
    CHECK_INT(ls_form_decode(LS_SLICE("a+b%20c%2B%26"), out), 7);
    CHECK(memcmp(out, "a b c+&", 7) == 0);
    CHECK_INT(ls_form_decode(LS_SLICE("%00%ff"), out), 2);
    CHECK(memcmp(out, "\0\xff", 2) == 0);
    CHECK_INT(ls_form_decode(LS_SLICE(""), out), 0);
    static const char *const broken[] = { "%", "a%", "%4", "%4g", "%g4", "%%41" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct ls_slice text = ls_slice_of(broken[i]);
        text.at = vector_guard(text.at, text.len);
        CHECK_INT(ls_form_decode(text, out), -400);
    }
}

static void walks_a_query(void)
{
    struct ls_slice query = LS_SLICE("&a=1&&b&=c&d=e=f&"), name, value;
    CHECK(ls_form_next(&query, &name, &value));
    CHECK_TEXT(name, "a");
    CHECK_TEXT(value, "1");
    CHECK(ls_form_next(&query, &name, &value));
    CHECK_TEXT(name, "b");
    CHECK_TEXT(value, "");
    CHECK(ls_form_next(&query, &name, &value));
    CHECK_TEXT(name, "");
    CHECK_TEXT(value, "c");
    CHECK(ls_form_next(&query, &name, &value));
    CHECK_TEXT(name, "d");
    CHECK_TEXT(value, "e=f");
    CHECK(!ls_form_next(&query, &name, &value));
}

static const struct unit_test tests[] = {
    { "judges the vectors", judges_the_vectors },
    { "keeps its promises for mutated targets", keeps_its_promises },
    { "splits at the slash before it decodes", splits_before_it_decodes },
    { "refuses more segments than it has room for", bounds_the_segments },
    { "judges hosts", judges_hosts },
    { "decodes forms, and refuses broken escapes", decodes_forms },
    { "walks a query part by part", walks_a_query },
};

UNIT_MAIN(tests)
