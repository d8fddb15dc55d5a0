/* A Cookie field: every pair lies in the field, and a value that is encoded comes back. */
#include "fuzz.h"

#include "http/chars.h"
#include "http/cookie.h"

static void check_within(const char *bytes, size_t size, struct ls_slice part)
{
    FUZZ_CHECK(part.len == 0 || (part.at >= bytes && part.at + part.len <= bytes + size));
}

static void comes_back(struct ls_slice text)
{
    struct ls_buffer encoded = { 0 }, field = { 0 };
    ls_cookie_encode(text, &encoded);
    ls_buffer_text(&field, "a=");
    ls_buffer_append(&field, encoded.at, encoded.len);
    ls_buffer_text(&field, "; b=1");
    struct ls_slice rest = { field.at, field.len }, name, value;
    FUZZ_CHECK(ls_cookie_next(&rest, &name, &value));
    char *out = malloc(value.len + 1);
    FUZZ_CHECK(out && ls_cookie_decode(value, out) == (int64_t)text.len);
    FUZZ_CHECK(text.len == 0 || memcmp(out, text.at, text.len) == 0);
    free(out);
    ls_buffer_free(&encoded);
    ls_buffer_free(&field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = fuzz_copy(data, size);
    struct ls_slice rest = { bytes, size }, name, value;
    while (ls_cookie_next(&rest, &name, &value)) {
        check_within(bytes, size, name);
        check_within(bytes, size, value);
        check_within(bytes, size, rest);
        FUZZ_CHECK(name.len > 0 && ls_chars_token(name) == name.len);
        char *out = malloc(value.len + 1);
        FUZZ_CHECK(out && ls_cookie_decode(value, out) <= (int64_t)value.len);
        free(out);
    }
    comes_back((struct ls_slice) { bytes, size });
    free(bytes);
    return 0;
}
