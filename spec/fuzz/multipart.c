/* multipart/form-data: byte by byte, in pieces and at once give the same parts; what was taken is
 * within what was given. */
#include "fuzz.h"

#include "http/multipart.h"

struct sum {
    uint64_t hash;
    int64_t end; /* 1: the end was seen; < 0 */
};

static void add(struct sum *s, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        s->hash = (s->hash ^ at[i]) * 1099511628211u;
}

static void add_part(struct sum *s, const struct ls_multipart_part *part)
{
    char out[LS_MULTIPART_NAME];
    FUZZ_CHECK(part->name.at && part->name.len <= LS_MULTIPART_NAME);
    FUZZ_CHECK(ls_multipart_unescape(part->name, out) <= part->name.len);
    struct ls_slice base = ls_multipart_basename(part->filename);
    FUZZ_CHECK(base.len == 0 || !memchr(base.at, '/', base.len));
    add(s, "<", 1);
    add(s, part->name.at, part->name.len);
    add(s, part->is_file ? "f" : "v", 1);
    add(s, part->type.at, part->type.len);
}

/* `step` bytes more each time. */
static struct sum run(const struct ls_multipart *init, const char *bytes, size_t size, size_t step)
{
    struct ls_multipart m = *init;
    struct sum s = { .hash = 14695981039346656037u };
    size_t at = 0, given = 0;
    while (given < size && s.end == 0) {
        given = size - given < step ? size : given + step;
        enum ls_multipart_event event;
        do {
            struct ls_slice out = { NULL, 0 };
            struct ls_multipart_part part;
            int64_t got = ls_multipart_feed(&m, (struct ls_slice) { bytes + at, given - at },
                                            &event, &out, &part);
            FUZZ_CHECK(got <= (int64_t)(given - at));
            if (got < 0) {
                s.end = -1; /* which one may depend on where a limit is looked at */
                return s;
            }
            if (event == LS_MULTIPART_PART)
                add_part(&s, &part);
            if (event == LS_MULTIPART_CONTENT) {
                FUZZ_CHECK(out.len > 0 && out.at >= bytes + at);
                FUZZ_CHECK(out.at + out.len <= bytes + at + (size_t)got);
                add(&s, out.at, out.len);
            }
            if (event == LS_MULTIPART_PART_END)
                add(&s, ">", 1);
            if (event == LS_MULTIPART_END)
                s.end = 1;
            at += (size_t)got;
        } while (event != LS_MULTIPART_MORE && event != LS_MULTIPART_END);
    }
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char type[] = "multipart/form-data; boundary=b";
    struct ls_multipart m;
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    struct ls_slice given = { (const char *)data, line ? (size_t)(line - data) : 0 };
    if (!line || ls_multipart_init(&m, given) < 0) /* the first line is a Content-Type, perhaps */
        FUZZ_CHECK(ls_multipart_init(&m, ls_slice_of(type)) == 0);
    if (line) {
        size -= (size_t)(line + 1 - data);
        data = line + 1;
    }
    char *copy = fuzz_copy(data, size);
    struct sum once = run(&m, copy, size, size), bytes = run(&m, copy, size, 1),
               pieces = run(&m, copy, size, 7);
    FUZZ_CHECK(once.end == bytes.end && once.end == pieces.end);
    if (once.end >= 0)
        FUZZ_CHECK(once.hash == bytes.hash && once.hash == pieces.hash);
    free(copy);
    return 0;
}
