#include "vectors.h"

#include <errno.h>

#include "base/slice.h"

static struct ls_slice guarded(const char *text)
{
    size_t len = strlen(text);
    return (struct ls_slice) { vector_guard(text, len), len };
}

static void compares(void)
{
    CHECK(ls_slice_equal(LS_SLICE("abc"), guarded("abc")));
    CHECK(!ls_slice_equal(LS_SLICE("abc"), guarded("abC")));
    CHECK(!ls_slice_equal(LS_SLICE("abc"), guarded("ab")));
    CHECK(ls_slice_equal(ls_slice_of(NULL), LS_SLICE("")));
    CHECK(ls_slice_equal_nocase(LS_SLICE("Content-Length"), guarded("cONTENT-lENGTH")));
    CHECK(!ls_slice_equal_nocase(LS_SLICE("@[`{"), guarded("`{@[")));
    CHECK(!ls_slice_equal_nocase(LS_SLICE("k"), LS_SLICE("\xE2")));
    CHECK(!ls_slice_equal_nocase(LS_SLICE("-"), guarded("\r")));
}

static void knows_beginnings_and_ends(void)
{
    CHECK(ls_slice_starts(guarded("http://a"), LS_SLICE("http:")));
    CHECK(!ls_slice_starts(guarded("http"), LS_SLICE("http:")));
    CHECK(ls_slice_starts(guarded("a"), LS_SLICE("")));
    CHECK(ls_slice_ends(guarded("a.html"), LS_SLICE(".html")));
    CHECK(!ls_slice_ends(guarded("html"), LS_SLICE(".html")));
    CHECK(ls_slice_ends(ls_slice_of(NULL), LS_SLICE("")));
}

static void cuts(void)
{
    CHECK_TEXT(ls_slice_from(guarded("abc"), 1), "bc");
    CHECK_TEXT(ls_slice_from(guarded("abc"), 3), "");
    CHECK_TEXT(ls_slice_trim(guarded(" \t a b\t ")), "a b");
    CHECK_TEXT(ls_slice_trim(guarded(" \t ")), "");
    CHECK_TEXT(ls_slice_trim(guarded("")), "");
    CHECK_TEXT(ls_slice_trim(guarded("\r\n")), "\r\n");
}

static void finds(void)
{
    CHECK_INT(ls_slice_find(guarded("a,b,c"), 0, ','), 1);
    CHECK_INT(ls_slice_find(guarded("a,b,c"), 2, ','), 3);
    CHECK_INT(ls_slice_find(guarded("a,b,c"), 4, ','), 5);
    CHECK_INT(ls_slice_find(guarded("abc"), 9, 'a'), 3);
    CHECK_INT(ls_slice_find(ls_slice_of(NULL), 0, 'a'), 0);
}

static void reads_numbers(void)
{
    uint64_t n = 7;
    CHECK_INT(ls_slice_to_u64(guarded("0"), &n), 0);
    CHECK(n == 0);
    CHECK_INT(ls_slice_to_u64(guarded("00018446744073709551615"), &n), 0);
    CHECK(n == UINT64_MAX);
    CHECK_INT(ls_slice_to_u64(guarded("18446744073709551616"), &n), -ERANGE);
    CHECK_INT(ls_slice_to_u64(guarded("99999999999999999999"), &n), -ERANGE);
    CHECK_INT(ls_slice_to_u64(guarded("184467440737095516150"), &n), -ERANGE);
    static const char *const bad[] = { "",    "+1",  "-1", " 1", "1 ", "1,1",
                                       "0x1", "1.0", "a",  "/",  ":" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_INT(ls_slice_to_u64(guarded(bad[i]), &n), -EINVAL);
    CHECK(n == UINT64_MAX); /* a failure leaves it alone */
}

static const struct unit_test tests[] = {
    { "compares, ASCII letters in any case", compares },
    { "knows beginnings and ends", knows_beginnings_and_ends },
    { "cuts and trims blanks", cuts },
    { "finds a byte", finds },
    { "reads decimal digits and nothing else", reads_numbers },
};

UNIT_MAIN(tests)
