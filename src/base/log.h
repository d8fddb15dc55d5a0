/* The log: one line an event, one call of the sink a line, so that lines of several processes
 * never mix. Control bytes and bytes over 0x7E of what is logged come out as \xHH (a tab as a
 * tab), except that `ls_log_block` keeps line feeds, indented, for tracebacks. */
#ifndef LS_BASE_LOG_H
#define LS_BASE_LOG_H

#include <stdbool.h>
#include "base/slice.h"

enum ls_log_level { LS_LOG_DEBUG, LS_LOG_INFO, LS_LOG_WARN, LS_LOG_ERROR, LS_LOG_OFF };

enum { LS_LOG_LINE_MAX = 4096 }; /* bytes; what is longer is cut and ends in "..." */

struct ls_log {
    enum ls_log_level level; /* lines below it are dropped */
    bool colour;             /* the level's word in colour: for a terminal */
    void (*sink)(void *ctx, const char *line, size_t len); /* line ends in \n */
    void *ctx;
};

const char *ls_log_level_name(enum ls_log_level level);

/* -EINVAL when the name is none of debug, info, warn, error, off. */
int ls_log_level_of(struct ls_slice name, enum ls_log_level *level);

void ls_log(const struct ls_log *log, enum ls_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A line, then `text` (may be multi-line, may be NULL) indented below it, as one write. */
void ls_log_block(const struct ls_log *log, enum ls_log_level level, const char *text,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
