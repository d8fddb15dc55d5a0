#include "http/date.h"

#include <errno.h>
#include <string.h>

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 in the Gregorian calendar, years counted from March. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil {
    int64_t year;
    int month, day; /* from 1 */
};

static struct civil civil_of(int64_t since)
{
    since += 719468;
    int64_t era = (since >= 0 ? since : since - 146096) / 146097;
    int64_t of_era = since - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int from_march = (int)((5 * of_year + 2) / 153);
    int month = from_march < 10 ? from_march + 3 : from_march - 9;
    return (struct civil) { year + era * 400 + (month <= 2), month,
                            (int)(of_year - (153 * from_march + 2) / 5 + 1) };
}

static char *put_number(char *to, int64_t number, int width)
{
    for (int i = width - 1; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
    return to + width;
}

static char *put_text(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

static char *put_time(char *to, int64_t of_day)
{
    to = put_number(to, of_day / 3600, 2);
    to = put_text(to, ":", 1);
    to = put_number(to, of_day / 60 % 60, 2);
    to = put_text(to, ":", 1);
    return put_number(to, of_day % 60, 2);
}

static int64_t split(int64_t seconds, int64_t *of_day)
{
    int64_t since = seconds / 86400;
    *of_day = seconds % 86400;
    if (*of_day < 0)
        *of_day += 86400, since--;
    return since;
}

void ls_date_format(int64_t seconds, char out[LS_DATE_LEN])
{
    int64_t of_day, since = split(seconds, &of_day);
    struct civil date = civil_of(since);
    int64_t weekday = ((since + 4) % 7 + 7) % 7;
    out = put_text(out, days + 3 * weekday, 3);
    out = put_text(out, ", ", 2);
    out = put_number(out, date.day, 2);
    out = put_text(out, " ", 1);
    out = put_text(out, months + (ptrdiff_t)3 * (date.month - 1), 3);
    out = put_text(out, " ", 1);
    out = put_number(out, date.year, 4);
    out = put_text(out, " ", 1);
    out = put_time(out, of_day);
    put_text(out, " GMT", 4);
}

void ls_date_format_iso(int64_t seconds, char out[LS_DATE_ISO_LEN])
{
    int64_t of_day, since = split(seconds, &of_day);
    struct civil date = civil_of(since);
    out = put_number(out, date.year, 4);
    out = put_text(out, "-", 1);
    out = put_number(out, date.month, 2);
    out = put_text(out, "-", 1);
    out = put_number(out, date.day, 2);
    out = put_text(out, "T", 1);
    out = put_time(out, of_day);
    put_text(out, "Z", 1);
}

/* ---- parsing: a cursor over the text; what does not fit makes `bad` ---- */

struct cursor {
    struct ls_slice rest;
    bool bad;
};

static void expect(struct cursor *c, const char *text)
{
    struct ls_slice wanted = ls_slice_of(text);
    if (ls_slice_starts(c->rest, wanted))
        c->rest = ls_slice_from(c->rest, wanted.len);
    else
        c->bad = true;
}

static int number(struct cursor *c, size_t width)
{
    uint64_t value = 0;
    if (c->rest.len < width || ls_slice_to_u64((struct ls_slice) { c->rest.at, width }, &value) < 0)
        c->bad = true;
    else
        c->rest = ls_slice_from(c->rest, width);
    return (int)value;
}

/* Position of a three-letter name in a list of them, from 0. */
static int name(struct cursor *c, const char *names)
{
    for (size_t i = 0; names[3 * i]; i++) {
        if (c->rest.len >= 3 && memcmp(c->rest.at, names + 3 * i, 3) == 0) {
            c->rest = ls_slice_from(c->rest, 3);
            return (int)i;
        }
    }
    c->bad = true;
    return 0;
}

struct moment {
    int64_t year;
    int month, day, hour, minute, second; /* month from 0 */
};

static void clock_time(struct cursor *c, struct moment *m)
{
    m->hour = number(c, 2);
    expect(c, ":");
    m->minute = number(c, 2);
    expect(c, ":");
    m->second = number(c, 2);
}

static void imf_fixdate(struct cursor *c, struct moment *m)
{
    expect(c, ", ");
    m->day = number(c, 2);
    expect(c, " ");
    m->month = name(c, months);
    expect(c, " ");
    m->year = number(c, 4);
    expect(c, " ");
    clock_time(c, m);
    expect(c, " GMT");
}

static int64_t seconds_of(const struct moment *m)
{
    return days_of(m->year, m->month + 1, m->day) * 86400 + (int64_t)m->hour * 3600 +
           (int64_t)m->minute * 60 + m->second;
}

/* Is the moment later in its year than `now` is in its own? */
static bool later_in_year(const struct moment *m, int64_t now)
{
    struct moment same = *m;
    same.year = civil_of(now / 86400).year;
    return seconds_of(&same) > now;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": behind "Sun". */
static void rfc850(struct cursor *c, struct moment *m, int weekday, int64_t now)
{
    static const char *const tails[] = { "day", "day", "sday", "nesday", "rsday", "day", "urday" };
    expect(c, tails[weekday]);
    expect(c, ", ");
    m->day = number(c, 2);
    expect(c, "-");
    m->month = name(c, months);
    expect(c, "-");
    int64_t last = civil_of(now / 86400).year + 50; /* the last year it may mean */
    m->year = last - last % 100 + number(c, 2);
    expect(c, " ");
    clock_time(c, m);
    expect(c, " GMT");
    if (m->year > last || (m->year == last && later_in_year(m, now)))
        m->year -= 100;
}

/* "Sun Nov  6 08:49:37 1994": behind "Sun". */
static void asctime_date(struct cursor *c, struct moment *m)
{
    expect(c, " ");
    m->month = name(c, months);
    expect(c, " ");
    if (ls_slice_starts(c->rest, LS_SLICE(" "))) {
        expect(c, " ");
        m->day = number(c, 1);
    } else {
        m->day = number(c, 2);
    }
    expect(c, " ");
    clock_time(c, m);
    expect(c, " ");
    m->year = number(c, 4);
}

static bool sound(const struct moment *m)
{
    struct civil date = civil_of(days_of(m->year, m->month + 1, m->day));
    return m->day >= 1 && date.day == m->day && date.month == m->month + 1 && m->hour < 24 &&
           m->minute < 60 && m->second <= 60;
}

int ls_date_parse(struct ls_slice text, int64_t now, int64_t *seconds)
{
    struct cursor c = { text, false };
    struct moment m = { 0 };
    int weekday = name(&c, days);
    if (ls_slice_starts(c.rest, LS_SLICE(",")))
        imf_fixdate(&c, &m);
    else if (ls_slice_starts(c.rest, LS_SLICE(" ")))
        asctime_date(&c, &m);
    else
        rfc850(&c, &m, weekday, now);
    if (c.bad || c.rest.len > 0 || !sound(&m))
        return -EINVAL;
    *seconds = seconds_of(&m);
    return 0;
}
