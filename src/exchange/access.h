/* The access log: a line for every request, as Apache and nginx write it ("combined") or in JSON.
 *
 * A line is made in two steps. What is known when the answer is made becomes text at once: what stands
 * before the numbers that only its end tells, and what stands behind them. The line itself is put
 * together when the answer is out, by whoever sees that: not always the process that made it.
 *
 * Whatever a client has sent, a line is one line and cannot be taken for two: control bytes, quotes,
 * backslashes and bytes over 0x7E come out as \xHH, in JSON as \u00HH. */
#ifndef LS_EXCHANGE_ACCESS_H
#define LS_EXCHANGE_ACCESS_H

#include "base/slice.h"

enum ls_access_format { LS_ACCESS_NONE, LS_ACCESS_COMBINED, LS_ACCESS_JSON };

enum {
    LS_ACCESS_LINE = 4096, /* bytes of a line at most, with its line feed: one write of a pipe */
    LS_ACCESS_NUMBERS = 80 /* of those, what the numbers take at most */
};

struct ls_access_text;

struct ls_access { /* where lines go; NULL where one is expected: nowhere */
    enum ls_access_format format;
    void (*sink)(void *ctx, const char *line, size_t len);
    /* Is the line of that text, whatever its numbers, among the last ones, and whole? */
    bool (*has)(void *ctx, const struct ls_access_text *text);
    void *ctx;
};

struct ls_access_facts { /* what is not known is empty */
    int64_t time;        /* seconds since 1970-01-01 UTC */
    struct ls_slice id, ip, method, target, host, referer, agent, route;
    struct ls_slice
        line;  /* instead of method and target: a request line that is none, as it came */
    int minor; /* HTTP/1.minor */
    int status;
    int pid; /* of the process that answers */
};

struct ls_access_text { /* in the order in which it is written, with the numbers in between */
    char *at;
    size_t before, behind; /* bytes of both parts */
};

/* Writes both parts to text->at, where LS_ACCESS_LINE - LS_ACCESS_NUMBERS bytes have room. Of what is too
 * long the target is cut first, and ends in "...". */
void ls_access_text(enum ls_access_format format, const struct ls_access_facts *facts,
                    struct ls_access_text *text);

struct ls_access_end {
    uint64_t bytes, us; /* of the body that were sent; that it took */
    bool cut;           /* a part of the answer is missing */
};

/* The whole line, with its line feed; its length. */
size_t ls_access_line(enum ls_access_format format, const struct ls_access_text *text,
                      const struct ls_access_end *end, char line[LS_ACCESS_LINE]);

/* Does such a line begin at `lines`? */
bool ls_access_is_line(struct ls_slice lines, const struct ls_access_text *text);

/* Method, target and version of a request line that is one; else the whole of it in facts->line. */
void ls_access_read_line(struct ls_slice line, struct ls_access_facts *facts);

#endif
