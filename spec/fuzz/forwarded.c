/* Forwarded and X-Forwarded-For: elements from the right, each within the field, until nothing is left. */
#include "fuzz.h"

#include "http/forwarded.h"

typedef bool taking(struct ls_slice *rest, struct ls_forwarded *element, bool *sound);

static void check_within(struct ls_slice all, struct ls_slice part)
{
    FUZZ_CHECK(part.len == 0 || (part.at >= all.at && part.at + part.len <= all.at + all.len));
}

static void take_all(struct ls_slice all, taking *take)
{
    struct ls_slice rest = all;
    struct ls_forwarded f;
    bool sound;
    size_t before = rest.len + 1;
    while (take(&rest, &f, &sound)) {
        FUZZ_CHECK(rest.len < before);
        before = rest.len;
        check_within(all, f.address);
        check_within(all, f.port);
        check_within(all, f.proto);
        check_within(all, f.host);
    }
    FUZZ_CHECK(rest.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = fuzz_copy(data, size);
    take_all((struct ls_slice) { bytes, size }, ls_forwarded_last);
    take_all((struct ls_slice) { bytes, size }, ls_forwarded_for_last);
    free(bytes);
    return 0;
}
