/* For tests of what reads a client's bytes: input that ends at a page nobody may touch, and
 * files of vectors, one a line:
 *
 *     verdict | where the RFC says so | input
 *
 * \r \n \t \0 \\ \xHH are bytes and \{3 ab} is ababab; "#" begins a comment. */
#ifndef VECTORS_H
#define VECTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "unit.h"

enum { VECTOR_PAGE = 4096, VECTOR_ROOM = 16 * VECTOR_PAGE, VECTOR_TEXT = 512 };

struct vector {
    const char *file;
    int line;
    char verdict[VECTOR_TEXT];
    char input[VECTOR_ROOM];
    size_t len;
};

/* A copy of the bytes: one read behind its end is a crash. Good until the next call. */
static inline const char *vector_guard(const void *bytes, size_t len)
{
    static char *room;
    if (!room) {
        room = mmap(NULL, VECTOR_ROOM + VECTOR_PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED || mprotect(room + VECTOR_ROOM, VECTOR_PAGE, PROT_NONE) != 0)
            abort();
    }
    if (len > VECTOR_ROOM)
        abort();
    return memcpy(room + VECTOR_ROOM - len, bytes, len);
}

static inline char vector_escape(const char **text)
{
    char hex[3] = { 0 };
    char c = *(*text)++;
    switch (c) {
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case '0':
        return '\0';
    case 'x':
        hex[0] = *(*text)++;
        hex[1] = *(*text)++;
        return (char)strtol(hex, NULL, 16);
    default:
        return c;
    }
}

/* The bytes that `text` stands for, up to `end`. */
static inline size_t vector_bytes(const char *text, char end, char *out, const char **behind)
{
    size_t len = 0;
    while (*text && *text != end && len < VECTOR_ROOM) {
        if (*text != '\\') {
            out[len++] = *text++;
            continue;
        }
        text++;
        if (*text != '{') {
            out[len++] = vector_escape(&text);
            continue;
        }
        char *part;
        long times = strtol(text + 1, &part, 10);
        size_t once = vector_bytes(part + 1, '}', out + len, &text);
        for (long i = 1; i < times && len + once * (size_t)(i + 1) <= VECTOR_ROOM; i++)
            memcpy(out + len + once * (size_t)i, out + len, once);
        len += once * (size_t)times;
        text++;
    }
    if (behind)
        *behind = text;
    return len;
}

static inline bool vector_read(char *line, struct vector *v)
{
    char *section = strstr(line, " | "), *input = section ? strstr(section + 3, " | ") : NULL;
    line[strcspn(line, "\n")] = '\0';
    if (!input || section - line >= VECTOR_TEXT)
        return false;
    *section = '\0';
    v->verdict[vector_bytes(line, '\0', v->verdict, NULL)] = '\0';
    v->len = vector_bytes(input + 3, '\0', v->input, NULL);
    return true;
}

/* Runs each vector of the file; fails when it cannot be read or has fewer than `least`. */
static inline void vectors_run(const char *file, int least, void (*run)(const struct vector *v))
{
    static struct vector v;
    char line[4096];
    int count = 0;
    FILE *from = fopen(file, "r");
    CHECK(from != NULL);
    v = (struct vector) { .file = file };
    while (from && fgets(line, sizeof line, from)) {
        v.line++;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        bool read = vector_read(line, &v);
        CHECK(read);
        if (read)
            run(&v);
        count++;
    }
    CHECK(count >= least);
    if (from)
        fclose(from);
}

static inline void vector_fail(const char *what)
{
    unit_failed_checks++;
    fprintf(stderr, "    %s\n", what);
}

static inline void vector_compare(const struct vector *v, const char *how, const char *got)
{
    if (strcmp(got, v->verdict) == 0)
        return;
    unit_failed_checks++;
    fprintf(stderr, "%s:%d: %s: \"%s\", expected \"%s\"\n", v->file, v->line, how, got, v->verdict);
}

/* The same numbers in each run. */
static inline uint32_t vector_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* One to three small changes: a byte replaced, dropped or doubled. */
static inline size_t vector_mutate(char *bytes, size_t len, uint32_t *state)
{
    static const char odd[] = "\r\n\t \0:,;=%/?#\"\\\x7f\x80\xff"
                              "0aZ";
    for (uint32_t n = vector_random(state) % 3 + 1; n > 0 && len > 1; n--) {
        size_t at = vector_random(state) % len;
        switch (vector_random(state) % 3) {
        case 0:
            bytes[at] = odd[vector_random(state) % (sizeof odd - 1)];
            break;
        case 1:
            memmove(bytes + at, bytes + at + 1, --len - at);
            break;
        default:
            memmove(bytes + at + 1, bytes + at, len++ - at);
            break;
        }
    }
    return len;
}

#endif
