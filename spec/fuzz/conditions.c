/* The fields of a request that ask for something of a representation: preconditions, If-Range,
 * Accept, Accept-Encoding. Input: field lines. */
#include "fuzz.h"

#include "http/accept.h"
#include "http/conditions.h"
#include "http/date.h"

enum { COUNT = 20, ROOM = 5000 };

static const int64_t now = 1790000000;

static void check(const struct ls_head *h, const char *base, bool weak)
{
    const struct ls_validators current = { { "\"abc\"", 5 }, weak, 784111777 };
    int verdict = ls_conditions_check(h, base, &current, now);
    FUZZ_CHECK(verdict == 0 || verdict == 304 || verdict == 412);
    (void)ls_conditions_range(h, base, &current, now);
    FUZZ_CHECK(ls_accept_coding(h, base, LS_SLICE("gzip")) <= LS_QUALITY_MOST);
    FUZZ_CHECK(ls_accept_coding(h, base, LS_SLICE("identity")) <= LS_QUALITY_MOST);
    FUZZ_CHECK(ls_accept_type(h, base, LS_SLICE("text/html")) <= LS_QUALITY_MOST);
}

/* A date that can be read is written so that it reads the same. */
static void check_date(struct ls_slice text)
{
    int64_t seconds, again;
    char out[LS_DATE_LEN];
    if (ls_date_parse(text, now, &seconds) < 0)
        return;
    ls_date_format(seconds, out);
    FUZZ_CHECK(ls_date_parse((struct ls_slice) { out, sizeof out }, now, &again) == 0);
    FUZZ_CHECK(again == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ls_head_limits limits = { 100, ROOM, COUNT };
    static const char line[] = "GET / HTTP/1.0\r\n";
    struct ls_field fields[COUNT];
    struct ls_head h = { .fields = fields };
    size_t len = sizeof line - 1 + size + 2;
    if (size > ROOM)
        return 0;
    char *base = malloc(len);
    FUZZ_CHECK(base != NULL);
    memcpy(base, line, sizeof line - 1);
    memcpy(base + sizeof line - 1, data, size);
    memcpy(base + len - 2, "\r\n", 2);
    ls_head_reset(&h);
    if (ls_head_parse(&h, &limits, base, len) > 0) {
        check(&h, base, false);
        check(&h, base, true);
        for (uint32_t i = 0; i < h.count; i++)
            check_date(ls_span_slice(base, h.fields[i].value));
    }
    free(base);
    return 0;
}
