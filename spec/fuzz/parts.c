/* The value of a Range field for a file: one part, several or all of it, always the file's own
 * bytes. The first byte says which file. */
#include "site.h"

static uint64_t take_u64(const char **at)
{
    char *end;
    uint64_t value = strtoull(*at, &end, 10);
    FUZZ_CHECK(end != *at);
    *at = end;
    return value;
}

/* "bytes A-B/N" and the bytes that stand for it. */
static void check_range(const char *range, struct ls_slice bytes, size_t size)
{
    FUZZ_CHECK(strncmp(range, "bytes ", 6) == 0);
    range += 6;
    uint64_t first = take_u64(&range);
    FUZZ_CHECK(*range++ == '-');
    uint64_t last = take_u64(&range);
    FUZZ_CHECK(*range++ == '/');
    FUZZ_CHECK(take_u64(&range) == size);
    FUZZ_CHECK(first <= last && last < size && bytes.len == last - first + 1);
    for (uint64_t i = first; i <= last; i++)
        FUZZ_CHECK(bytes.at[i - first] == site_byte(i));
}

static uint64_t length_of(const char *range)
{
    range += strcspn(range, "0123456789");
    uint64_t first = take_u64(&range);
    range++;
    return take_u64(&range) - first + 1;
}

static void check_parts(const struct answer *a, struct ls_slice boundary, size_t size)
{
    struct ls_slice rest = a->body;
    char open[64], close[64];
    snprintf(open, sizeof open, "--%.*s\r\n", (int)boundary.len, boundary.at);
    snprintf(close, sizeof close, "\r\n--%.*s--\r\n", (int)boundary.len, boundary.at);
    size_t sum = 0;
    for (int parts = 0; !ls_slice_equal(rest, ls_slice_of(close)); parts++) {
        size_t skip = parts > 0 ? 2 : 0;
        FUZZ_CHECK(rest.len > skip + strlen(open));
        rest = ls_slice_from(rest, skip);
        FUZZ_CHECK(ls_slice_starts(rest, ls_slice_of(open)));
        const char *end = memmem(rest.at, rest.len, "\r\n\r\n", 4);
        const char *range = memmem(rest.at, rest.len, "Content-Range: ", 15);
        FUZZ_CHECK(end && range && range < end && parts < LS_RANGES);
        rest = ls_slice_from(rest, (size_t)(end + 4 - rest.at));
        size_t len = length_of(range + 15);
        FUZZ_CHECK(len <= rest.len);
        check_range(range + 15, (struct ls_slice) { rest.at, len }, size);
        rest = ls_slice_from(rest, len);
        sum += len;
    }
    FUZZ_CHECK(sum <= size);
}

static void check(const struct answer *a, size_t size)
{
    static const char several[] = "multipart/byteranges; boundary=";
    struct ls_slice range = answer_field(a, "Content-Range");
    struct ls_slice type = answer_field(a, "Content-Type");
    switch (a->status) {
    case 200:
        FUZZ_CHECK(!range.at && a->body.len == size);
        break;
    case 206:
        if (range.at)
            check_range(range.at, a->body, size);
        else if (ls_slice_starts(type, ls_slice_of(several)))
            check_parts(a, ls_slice_from(type, sizeof several - 1), size);
        else
            FUZZ_CHECK(false);
        break;
    case 416:
        FUZZ_CHECK(range.at != NULL);
        break;
    default: /* more than a head may have */
        FUZZ_CHECK(a->status == 431);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_buffer request = { 0 };
    struct memory m;
    struct answer answer;
    bool large = size > 0 && data[0] % 2;
    site_make();
    ls_buffer_printf(&request,
                     "GET /%s.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=",
                     large ? "large" : "small");
    for (size_t i = 1; i < size; i++)
        ls_buffer_byte(&request, data[i] < 0x20 || data[i] == 0x7f ? ',' : (char)data[i]);
    ls_buffer_text(&request, "\r\n\r\n");
    FUZZ_CHECK(memory_begin(&m, &site, (struct ls_slice) { request.at, request.len }, 1 << 20,
                            false) == 0);
    FUZZ_CHECK(memory_run(&m, 1000));
    struct ls_slice out = { m.out.at, m.out.len };
    ls_buffer_byte(&m.out, '\0');
    out.at = m.out.at;
    FUZZ_CHECK(answer_next(&out, &answer) && out.len == 0);
    check(&answer, large ? SITE_LARGE : SITE_SMALL);
    memory_end(&m);
    ls_buffer_free(&request);
    return 0;
}
