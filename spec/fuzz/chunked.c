/* A chunked body: the same content and verdict whole and in pieces. The first byte says how small
 * the pieces are. */
#include "fuzz.h"

#include "base/buffer.h"
#include "http/chunked.h"

struct result {
    struct ls_buffer content;
    int64_t end; /* bytes of the body, 0: more is to come, or -400 */
};

static void decode(const char *bytes, size_t len, size_t step, struct result *r)
{
    struct ls_chunked c = { 0 };
    size_t at = 0;
    while (at < len && !c.done) {
        size_t piece = step < len - at ? step : len - at;
        char *copy = fuzz_copy(bytes + at, piece);
        struct ls_slice content = { NULL, 0 };
        int64_t taken = ls_chunked_feed(&c, (struct ls_slice) { copy, piece }, &content);
        FUZZ_CHECK(taken == -400 || (taken >= 0 && taken <= (int64_t)piece));
        if (taken > 0 && content.len > 0) {
            FUZZ_CHECK(content.at >= copy && content.at + content.len <= copy + piece);
            ls_buffer_slice(&r->content, content);
        }
        free(copy);
        FUZZ_CHECK(taken != 0 || c.done);
        if (taken < 0) {
            r->end = taken;
            return;
        }
        at += (size_t)taken;
    }
    r->end = c.done ? (int64_t)at : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct result whole = { .end = 0 }, pieces = { .end = 0 };
    if (size == 0)
        return 0;
    decode((const char *)data + 1, size - 1, size, &whole);
    decode((const char *)data + 1, size - 1, data[0] % 16 + 1u, &pieces);
    FUZZ_CHECK(whole.end == pieces.end && whole.content.len == pieces.content.len);
    FUZZ_CHECK(whole.content.len == 0 ||
               memcmp(whole.content.at, pieces.content.at, whole.content.len) == 0);
    ls_buffer_free(&whole.content);
    ls_buffer_free(&pieces.content);
    return 0;
}
