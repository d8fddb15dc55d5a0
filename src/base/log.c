#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name, *colour;
} levels[] = {
    [LS_LOG_DEBUG] = { "debug", "\033[2m" },
    [LS_LOG_INFO] = { "info", "\033[32m" },
    [LS_LOG_WARN] = { "warn", "\033[33m" },
    [LS_LOG_ERROR] = { "error", "\033[31m" },
    [LS_LOG_OFF] = { "off", "" },
};

struct line {
    char at[LS_LOG_LINE_MAX];
    size_t len;
};

const char *ls_log_level_name(enum ls_log_level level)
{
    return levels[level].name;
}

int ls_log_level_of(struct ls_slice name, enum ls_log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (ls_slice_equal(name, ls_slice_of(levels[i].name))) {
            *level = (enum ls_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* Room is kept for the "...\n" that ends a line which was cut. */
static bool put(struct line *line, const char *bytes, size_t len)
{
    if (len > sizeof line->at - 4 - line->len)
        return false;
    memcpy(line->at + line->len, bytes, len);
    line->len += len;
    return true;
}

static bool put_escaped(struct line *line, const char *text, const char *line_feed)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        char hex[5];
        bool fits;
        if (byte == '\n' && line_feed) {
            fits = put(line, line_feed, strlen(line_feed));
        } else if (byte == '\t' || (byte >= 0x20 && byte < 0x7f)) {
            fits = put(line, text, 1);
        } else {
            snprintf(hex, sizeof hex, "\\x%02X", byte);
            fits = put(line, hex, 4);
        }
        if (!fits)
            return false;
    }
    return true;
}

static void put_head(struct line *line, const struct ls_log *log, enum ls_log_level level)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t room = sizeof line->at;
    line->len = strftime(line->at, room, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line->at + line->len, room - line->len, ".%03ldZ %s%-5s%s ",
                        now.tv_nsec / 1000000, log->colour ? levels[level].colour : "",
                        levels[level].name, log->colour ? "\033[0m" : "");
    line->len += (size_t)more;
}

static void emit(const struct ls_log *log, enum ls_log_level level, const char *message,
                 const char *text)
{
    struct line line;
    put_head(&line, log, level);
    bool whole = put_escaped(&line, message, NULL);
    if (whole && text && *text)
        whole = put(&line, "\n    ", 5) && put_escaped(&line, text, "\n    ");
    if (!whole) {
        memcpy(line.at + line.len, "...", 3);
        line.len += 3;
    }
    line.at[line.len++] = '\n';
    log->sink(log->ctx, line.at, line.len);
}

__attribute__((format(printf, 4, 0))) static void write_line(const struct ls_log *log,
                                                             enum ls_log_level level,
                                                             const char *text, const char *format,
                                                             va_list args)
{
    char message[LS_LOG_LINE_MAX];
    if (level < log->level || !log->sink)
        return;
    vsnprintf(message, sizeof message, format, args);
    emit(log, level, message, text);
}

void ls_log(const struct ls_log *log, enum ls_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(log, level, NULL, format, args);
    va_end(args);
}

void ls_log_block(const struct ls_log *log, enum ls_log_level level, const char *text,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(log, level, text, format, args);
    va_end(args);
}
