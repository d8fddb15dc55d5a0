/* A connection: whatever a client sends is answered with well-formed answers, and the same ones in
 * pieces as at once. The first byte says how small the pieces are. */
#include "site.h"

static void converse(struct memory *m, struct ls_slice in, size_t chop, bool yields)
{
    FUZZ_CHECK(memory_begin(m, &site, in, chop, yields) == 0);
    FUZZ_CHECK(memory_run(m, 4000000));
    FUZZ_CHECK(!m->engine.torn);
    ls_buffer_byte(&m->out, '\0');
}

/* A client that has sent the body already is not told to go on. */
static void without_continue(struct ls_buffer *out)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char *at;
    while ((at = memmem(out->at, out->len, go_on, sizeof go_on - 1)) != NULL) {
        size_t behind = (size_t)(at - out->at) + sizeof go_on - 1;
        memmove(at, out->at + behind, out->len - behind);
        out->len -= sizeof go_on - 1;
    }
}

static void check_answers(const struct ls_buffer *out)
{
    struct ls_slice rest = { out->at, out->len - 1 };
    struct answer answer;
    while (answer_next(&rest, &answer))
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory whole, pieces;
    if (size == 0)
        return 0;
    site_make();
    struct ls_slice in = { (const char *)data + 1, size - 1 };
    converse(&whole, in, 1 << 20, false);
    if (!memmem(in.at, in.len, "HEAD", 4)) /* whose answers look as if they lacked a body */
        check_answers(&whole.out);
    converse(&pieces, in, data[0] % 32 + 1u, true);
    without_continue(&whole.out);
    without_continue(&pieces.out);
    memory_blank(&whole.out, "Date: ");
    memory_blank(&pieces.out, "Date: ");
    FUZZ_CHECK(whole.out.len == pieces.out.len);
    FUZZ_CHECK(memcmp(whole.out.at, pieces.out.at, whole.out.len) == 0);
    memory_end(&whole);
    memory_end(&pieces);
    return 0;
}
