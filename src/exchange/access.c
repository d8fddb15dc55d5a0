#include "exchange/access.h"

#include <stdio.h>

#include "http/chars.h"
#include "http/date.h"

/* Of each what it takes at most, escaped; together with the names around them they leave the target
 * about a thousand bytes. */
enum { METHOD = 64, IP = 64, ID = 32, HOST = 260, ROUTE = 260, REFERER = 1000, AGENT = 1000 };

struct text {
    char *at;
    size_t len, cap;
    bool json;
};

/* False: it does not fit, and nothing was put. */
static bool put(struct text *t, const char *bytes, size_t len)
{
    if (len > t->cap - t->len)
        return false;
    memcpy(t->at + t->len, bytes, len);
    t->len += len;
    return true;
}

static void put_text(struct text *t, const char *text)
{
    put(t, text, strlen(text));
}

static size_t escape(bool json, unsigned char byte, char out[8])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = json && (byte == '"' || byte == '\\') ? 1 : json ? 4 : 2;
    out[0] = '\\';
    if (len == 1) {
        out[1] = (char)byte;
        return 2;
    }
    memcpy(out + 1, json ? "u00" : "x", json ? 3 : 1);
    out[len] = digits[byte >> 4];
    out[len + 1] = digits[byte & 15];
    return len + 2;
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* Escaped, `most` bytes of it at most. */
static void put_escaped(struct text *t, struct ls_slice value, size_t most)
{
    static const char cut[] = "...";
    size_t room = t->cap - t->len, start = t->len, kept = 0;
    most = most < room ? most : room;
    for (size_t i = 0; i < value.len; i++) {
        char bytes[8] = { value.at[i] };
        unsigned char byte = (unsigned char)value.at[i];
        size_t len = is_plain(byte) ? 1 : escape(t->json, byte, bytes);
        if (t->len - start + len > most) {
            t->len = start + kept;
            put(t, cut, most - kept < sizeof cut - 1 ? 0 : sizeof cut - 1);
            return;
        }
        put(t, bytes, len);
        if (t->len - start + sizeof cut - 1 <= most)
            kept = t->len - start; /* so much, and the sign that it was cut */
    }
}

/* ---- combined ---- */

static void put_or_dash(struct text *t, struct ls_slice value, size_t most)
{
    if (value.len > 0)
        put_escaped(t, value, most);
    else
        put(t, "-", 1);
}

/* "29/Nov/2026:13:51:25 +0000", of an HTTP-date: "Sun, 29 Nov 2026 13:51:25 GMT". */
static void put_time(struct text *t, int64_t seconds)
{
    char date[LS_DATE_LEN];
    ls_date_format(seconds, date);
    date[7] = date[11] = '/';
    date[16] = ':';
    put(t, date + 5, 20);
    put_text(t, " +0000");
}

static void combined_before(struct text *t, const struct ls_access_facts *f)
{
    put_or_dash(t, f->ip, IP);
    put_text(t, " - - [");
    put_time(t, f->time);
    put_text(t, "] \"");
    if (f->method.len > 0)
        put_escaped(t, f->method, METHOD);
    if (f->method.len > 0)
        put(t, " ", 1);
}

static void combined_behind_target(struct text *t, const struct ls_access_facts *f)
{
    char text[32];
    if (f->method.len > 0)
        put_text(t, f->minor > 0 ? " HTTP/1.1" : " HTTP/1.0");
    snprintf(text, sizeof text, "\" %d ", f->status);
    put_text(t, text);
}

static void combined_behind(struct text *t, const struct ls_access_facts *f)
{
    put_text(t, " \"");
    put_or_dash(t, f->referer, REFERER);
    put_text(t, "\" \"");
    put_or_dash(t, f->agent, AGENT);
    put_text(t, "\"\n");
}

/* ---- JSON ---- */

static void put_member(struct text *t, const char *name, struct ls_slice value, size_t most)
{
    put_text(t, name);
    put_escaped(t, value, most);
    put(t, "\"", 1);
}

static void json_before(struct text *t, const struct ls_access_facts *f)
{
    char time[LS_DATE_ISO_LEN];
    ls_date_format_iso(f->time, time);
    put_member(t, "{\"time\":\"", (struct ls_slice) { time, sizeof time }, sizeof time);
    put_member(t, ",\"id\":\"", f->id, ID);
    put_member(t, ",\"ip\":\"", f->ip, IP);
    put_member(t, ",\"method\":\"", f->method, METHOD);
    put_text(t, ",\"target\":\"");
}

static void json_behind_target(struct text *t, const struct ls_access_facts *f)
{
    char numbers[64];
    put_member(t, "\",\"host\":\"", f->host, HOST);
    put_member(t, ",\"route\":\"", f->route, ROUTE);
    put_member(t, ",\"referer\":\"", f->referer, REFERER);
    put_member(t, ",\"agent\":\"", f->agent, AGENT);
    snprintf(numbers, sizeof numbers, ",\"status\":%d,\"pid\":%d", f->status, f->pid);
    put_text(t, numbers);
}

/* ---- both ---- */

/* What goes behind the target is made first: the target gets what is left. */
void ls_access_text(enum ls_access_format format, const struct ls_access_facts *facts,
                    struct ls_access_text *text)
{
    const size_t most = LS_ACCESS_LINE - LS_ACCESS_NUMBERS;
    bool json = format == LS_ACCESS_JSON;
    char behind_target[LS_ACCESS_LINE], behind[LS_ACCESS_LINE];
    struct text whole = { .at = text->at, .cap = most, .json = json };
    struct text middle = { .at = behind_target, .cap = sizeof behind_target, .json = json };
    struct text last = { .at = behind, .cap = sizeof behind, .json = json };
    (json ? json_before : combined_before)(&whole, facts);
    (json ? json_behind_target : combined_behind_target)(&middle, facts);
    if (json)
        put_text(&last, "}\n");
    else
        combined_behind(&last, facts);
    whole.cap -= middle.len + last.len;
    struct ls_slice target = facts->line.len > 0 ? facts->line : facts->target;
    if (target.len > 0 || json)
        put_escaped(&whole, target, SIZE_MAX);
    else
        put(&whole, "-", 1);
    whole.cap = most;
    put(&whole, middle.at, middle.len);
    text->before = whole.len;
    put(&whole, last.at, last.len);
    text->behind = whole.len - text->before;
}

static size_t put_numbers(enum ls_access_format format, const struct ls_access_end *end,
                          char out[LS_ACCESS_NUMBERS])
{
    unsigned long long bytes = end->bytes, us = end->us;
    int len = format == LS_ACCESS_JSON
                  ? snprintf(out, LS_ACCESS_NUMBERS, ",\"bytes\":%llu,\"wall_us\":%llu%s", bytes,
                             us, end->cut ? ",\"cut\":true" : "")
                  : snprintf(out, LS_ACCESS_NUMBERS, "%llu", bytes);
    return (size_t)len;
}

size_t ls_access_line(enum ls_access_format format, const struct ls_access_text *text,
                      const struct ls_access_end *end, char line[LS_ACCESS_LINE])
{
    size_t len = text->before;
    memcpy(line, text->at, len);
    len += put_numbers(format, end, line + len);
    memcpy(line + len, text->at + text->before, text->behind);
    return len + text->behind;
}

bool ls_access_is_line(struct ls_slice lines, const struct ls_access_text *text)
{
    size_t end = ls_slice_find(lines, 0, '\n') + 1, rest = text->before + text->behind;
    return end <= lines.len && end >= rest && end <= rest + LS_ACCESS_NUMBERS &&
           memcmp(lines.at, text->at, text->before) == 0 &&
           memcmp(lines.at + end - text->behind, text->at + text->before, text->behind) == 0;
}

void ls_access_read_line(struct ls_slice line, struct ls_access_facts *facts)
{
    size_t first = ls_slice_find(line, 0, ' ');
    size_t second = first < line.len ? ls_slice_find(line, first + 1, ' ') : line.len;
    struct ls_slice method = { line.at, first };
    struct ls_slice version = ls_slice_from(line, second);
    if (first == 0 || second == first + 1 || ls_chars_token(method) < method.len ||
        version.len != 9 || !ls_slice_starts(version, LS_SLICE(" HTTP/1."))) {
        facts->line = line;
        return;
    }
    facts->method = method;
    facts->target = (struct ls_slice) { line.at + first + 1, second - first - 1 };
    facts->minor = version.at[8] != '0';
}
