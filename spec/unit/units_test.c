/* Durations and sizes as text. */
#include "unit.h"

#include <errno.h>

#include "server/config.h"
#include "server/units.h"

static void check_duration(const char *text, int err, uint64_t expected)
{
    uint64_t got = 0;
    CHECK_INT(ls_duration_parse(ls_slice_of(text), &got), err);
    CHECK_INT(got, expected);
}

static void durations_are_read(void)
{
    check_duration("10s", 0, 10000000);
    check_duration("500ms", 0, 500000);
    check_duration("5m", 0, 300000000);
    check_duration("1h", 0, 3600000000);
    check_duration("24h", 0, 86400000000);
    check_duration("2.5", 0, 2500000);
    check_duration("0", 0, 0);
    check_duration("1.5h", 0, 5400000000);
    check_duration("0.000001", 0, 1);
    check_duration("0.0000001", 0, 0);
    check_duration("0.10000000000000000000000000000000001s", 0, 100000);
    check_duration("0.999999999h", 0, 3599999996);
    check_duration("18446744073709.551615s", 0, UINT64_MAX);
}

static void junk_is_no_duration(void)
{
    const char *const junk[] = {
        "",    " ",   "s",   "10 s", "10S", "10ss",  "-1s",  "+1s", "1e3",
        "0x5", "1.s", ".5s", "1..2", "10d", "1m30s", "10s ", "nan", "inf"
    };
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
        check_duration(junk[i], -EINVAL, 0);
    check_duration("18446744073709.551616s", -ERANGE, 0);
    check_duration("5124095577h", -ERANGE, 0);
    check_duration("99999999999999999999999ms", -ERANGE, 0);
    uint64_t got;
    CHECK_INT(ls_duration_parse((struct ls_slice) { NULL, 0 }, &got), -EINVAL);
    CHECK_INT(ls_duration_parse((struct ls_slice) { "10s\0", 4 }, &got), -EINVAL);
}

static void check_size(const char *text, int err, uint64_t expected)
{
    uint64_t got = 0;
    CHECK_INT(ls_size_parse(ls_slice_of(text), &got), err);
    CHECK_INT(got, expected);
}

static void sizes_are_read(void)
{
    check_size("0", 0, 0);
    check_size("65536", 0, 65536);
    check_size("64K", 0, 65536);
    check_size("1M", 0, 1048576);
    check_size("4G", 0, 4294967296);
    check_size("1T", 0, 1099511627776);
    check_size("16777215T", 0, UINT64_MAX - 0xFFFFFFFFFF);
    check_size("16777216T", -ERANGE, 0);
    check_size("18446744073709551616", -ERANGE, 0);
    const char *const junk[] = {
        "", "K", "64k", "64KB", "1.5M", "-1", "+1", "1 K", "0x10", "64K "
    };
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
        check_size(junk[i], -EINVAL, 0);
}

static void units_are_written(void)
{
    struct ls_buffer b = { 0 };
    const uint64_t durations[] = { 0, 10000, 1500000, 30000000, 90000000, 86400000000, 1 };
    const uint64_t sizes[] = { 0, 16, 1000, 65536, (uint64_t)1 << 40, (uint64_t)3 << 30 };
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++, ls_buffer_byte(&b, ' '))
        ls_duration_text(&b, durations[i]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++, ls_buffer_byte(&b, ' '))
        ls_size_text(&b, sizes[i]);
    CHECK_TEXT(((struct ls_slice) { b.at, b.len }),
               "0 10ms 1500ms 30s 90s 24h 0.000001 0 16 1000 64K 1T 3G ");
    ls_buffer_free(&b);
}

static const struct unit_test tests[] = {
    { "durations are read", durations_are_read },
    { "junk is no duration", junk_is_no_duration },
    { "sizes are read", sizes_are_read },
    { "units are written", units_are_written },
};

UNIT_MAIN(tests)
