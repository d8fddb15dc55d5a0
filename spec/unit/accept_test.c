#include "vectors.h"

#include "http/accept.h"

/* A head with `field` for each value between "&". */
static size_t head_of(const char *field, const char *values, size_t len, char out[VECTOR_TEXT])
{
    size_t at = (size_t)snprintf(out, VECTOR_TEXT, "GET / HTTP/1.1\r\nHost: a\r\n");
    struct ls_slice rest = { values, len };
    if (len == 1 && values[0] == '~')
        return at + (size_t)snprintf(out + at, VECTOR_TEXT - at, "\r\n");
    for (bool more = true; more;) {
        size_t end = ls_slice_find(rest, 0, '&');
        at +=
            (size_t)snprintf(out + at, VECTOR_TEXT - at, "%s: %.*s\r\n", field, (int)end, rest.at);
        more = end < rest.len;
        rest = ls_slice_from(rest, more ? end + 1 : end);
    }
    return at + (size_t)snprintf(out + at, VECTOR_TEXT - at, "\r\n");
}

static void run_vector(const struct vector *v)
{
    static struct ls_field fields[16];
    static const struct ls_head_limits limits = { 1000, 4000, 16 };
    struct ls_head h = { .fields = fields };
    struct ls_slice input = { v->input, v->len };
    struct ls_slice wanted = { v->input, ls_slice_find(input, 0, ' ') };
    struct ls_slice values = ls_slice_from(input, wanted.len + 1);
    bool type = memchr(wanted.at, '/', wanted.len);
    char text[VECTOR_TEXT], got[16];
    size_t len = head_of(type ? "Accept" : "accept-encoding", values.at, values.len, text);
    const char *base = vector_guard(text, len);
    ls_head_reset(&h);
    CHECK_INT(ls_head_parse(&h, &limits, base, len), len);
    snprintf(got, sizeof got, "%u", (type ? ls_accept_type : ls_accept_coding)(&h, base, wanted));
    vector_compare(v, "weight", got);
}

static void judges_the_vectors(void)
{
    vectors_run("spec/vectors/accept.txt", 60, run_vector);
}

static const struct unit_test tests[] = {
    { "judges the vectors", judges_the_vectors },
};

UNIT_MAIN(tests)
