/* "METHOD target": what comes out lies where it may, is well-formed, and names no way up. */
#include "fuzz.h"

#include "http/chars.h"
#include "http/uri.h"

static void check_forms(struct ls_slice text)
{
    char *out = malloc(text.len + 1);
    struct ls_slice name, value, rest = text;
    FUZZ_CHECK(out != NULL);
    FUZZ_CHECK(ls_form_decode(text, out) <= (int64_t)text.len);
    free(out);
    while (ls_form_next(&rest, &name, &value))
        FUZZ_CHECK(name.len + value.len <= text.len);
    (void)ls_host_valid(text);
}

static void check_segment(struct ls_slice s, const char *store, size_t size)
{
    FUZZ_CHECK(s.len == 0 || (s.at >= store && s.at + s.len <= store + size));
    FUZZ_CHECK(ls_chars_utf8(s) && !memchr(s.at, '\0', s.len));
    FUZZ_CHECK(!ls_slice_equal(s, LS_SLICE("..")) && !ls_slice_equal(s, LS_SLICE(".")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ls_slice all = { (const char *)data, size };
    size_t space = ls_slice_find(all, 0, ' ');
    enum ls_method method = ls_method_of((struct ls_slice) { all.at, space });
    struct ls_slice rest = ls_slice_from(all, space < size ? space + 1 : size);
    struct ls_slice text = { fuzz_copy(rest.at, rest.len), rest.len };
    size_t room = 4 * text.len + 4;
    char *store = malloc(room);
    struct ls_target t;
    FUZZ_CHECK(store != NULL);
    int result = ls_target_parse(method, text, store, &t);
    FUZZ_CHECK(result == 0 || result == -400);
    if (result == 0) {
        FUZZ_CHECK(t.count <= LS_TARGET_SEGMENTS);
        for (uint32_t i = 0; i < t.count; i++)
            check_segment(t.segments[i], store, room);
    }
    check_forms(text);
    free(store);
    free((char *)text.at);
    return 0;
}
