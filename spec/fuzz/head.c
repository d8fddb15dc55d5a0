/* A request head: whole, in pieces, and against the naive reader. */
#include "fuzz.h"
#include "naive_head.h"

enum { COUNT = 10 };

static const struct ls_head_limits limits = { 100, 400, COUNT };

static int32_t parse(struct ls_head *h, const char *bytes, size_t len, size_t step)
{
    int32_t result = 0;
    ls_head_reset(h);
    for (size_t n = step < len ? step : len; result == 0; n = n + step < len ? n + step : len) {
        char *copy = fuzz_copy(bytes, n);
        result = ls_head_parse(h, &limits, copy, n);
        free(copy);
        if (n == len)
            break;
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_field fields[COUNT], others[COUNT];
    struct ls_head whole = { .fields = fields }, pieces = { .fields = others };
    const char *bytes = (const char *)data;
    struct naive n;
    int32_t result = parse(&whole, bytes, size, size);
    FUZZ_CHECK(result <= (int32_t)size);
    FUZZ_CHECK(parse(&pieces, bytes, size, 1) == result);
    long naive = naive_head(&n, &limits, others, bytes, size);
    FUZZ_CHECK(result > 0 ? naive == result && naive_same(&n, &whole) : naive <= 0);
    return 0;
}
