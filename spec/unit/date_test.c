#include "vectors.h"

#include <errno.h>
#include <time.h>

#include "http/date.h"

static const int64_t now = 1790000000; /* 2026-09-21 */

static const char *formatted(int64_t seconds)
{
    static char text[LS_DATE_LEN + 1];
    ls_date_format(seconds, text);
    return text;
}

static int parse_at(const char *text, int64_t when, int64_t *seconds)
{
    struct ls_slice slice = ls_slice_of(text);
    slice.at = vector_guard(slice.at, slice.len);
    return ls_date_parse(slice, when, seconds);
}

static int64_t parsed(const char *text)
{
    int64_t seconds = -1;
    CHECK_INT(parse_at(text, now, &seconds), 0);
    return seconds;
}

static void formats(void)
{
    CHECK(strcmp(formatted(784111777), "Sun, 06 Nov 1994 08:49:37 GMT") == 0);
    CHECK(strcmp(formatted(0), "Thu, 01 Jan 1970 00:00:00 GMT") == 0);
    CHECK(strcmp(formatted(-1), "Wed, 31 Dec 1969 23:59:59 GMT") == 0);
    CHECK(strcmp(formatted(951782400), "Tue, 29 Feb 2000 00:00:00 GMT") == 0);
    CHECK(strcmp(formatted(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT") == 0);
    CHECK(strcmp(formatted(-62167219200), "Sat, 01 Jan 0000 00:00:00 GMT") == 0);
}

/* libc's calendar is the twin: every 6.9 days of four centuries, there and back. */
static void agrees_with_libc(void)
{
    for (int64_t t = -7000000000; t < 7000000000; t += 599999) {
        char text[64];
        struct tm tm;
        time_t when = (time_t)t;
        gmtime_r(&when, &tm);
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        if (strcmp(text, formatted(t)) != 0 || parsed(text) != t)
            CHECK_INT(t, 0);
        strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
        CHECK_INT(parsed(text), t);
    }
}

static void reads_all_three_forms(void)
{
    CHECK_INT(parsed("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    CHECK_INT(parsed("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
    CHECK_INT(parsed("Sun Nov  6 08:49:37 1994"), 784111777);
    CHECK_INT(parsed("Wednesday, 21-Oct-15 07:28:00 GMT"), 1445412480);
    CHECK_INT(parsed("Thu, 29 Feb 2024 00:00:00 GMT"), 1709164800);
}

/* RFC 9110 5.6.7: more than 50 years in the future means the century before. */
static void places_two_digit_years(void)
{
    int64_t seconds = 0;
    CHECK_INT(parse_at("Friday, 01-Jan-76 00:00:00 GMT", now, &seconds), 0);
    CHECK(strncmp(formatted(seconds) + 12, "2076", 4) == 0);
    CHECK_INT(parse_at("Thursday, 31-Dec-76 00:00:00 GMT", now, &seconds), 0); /* over 50 years */
    CHECK(strncmp(formatted(seconds) + 12, "1976", 4) == 0);
    CHECK_INT(parse_at("Friday, 01-Jan-77 00:00:00 GMT", now, &seconds), 0);
    CHECK(strncmp(formatted(seconds) + 12, "1977", 4) == 0);
    CHECK_INT(parse_at("Friday, 01-Jan-01 00:00:00 GMT", 915148800, &seconds), 0); /* in 1999 */
    CHECK(strncmp(formatted(seconds) + 12, "2001", 4) == 0);
}

static void refuses_what_is_no_date(void)
{
    static const char *const bad[] = {
        "",
        "S",
        "Sun",
        "0",
        "784111777",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 006 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 06 November 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Thu, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 -8:49:37 GMT",
        "Sun, 06 Nov +994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t seconds = 0;
        if (parse_at(bad[i], now, &seconds) != -EINVAL) {
            fprintf(stderr, "date \"%s\"\n", bad[i]);
            vector_fail("not refused");
        }
    }
}

static const struct unit_test tests[] = {
    { "formats IMF-fixdate", formats },
    { "agrees with libc over four centuries", agrees_with_libc },
    { "reads all three forms", reads_all_three_forms },
    { "places two-digit years", places_two_digit_years },
    { "refuses what is no date", refuses_what_is_no_date },
};

UNIT_MAIN(tests)
