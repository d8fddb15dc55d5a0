/* The frame of a C test: tests are functions, CHECK says what did not hold, and the program
 * ends with "N passed, N failed" and exits 1 if any failed. */
#ifndef UNIT_H
#define UNIT_H

#include <stdio.h>
#include <string.h>

static int unit_failed_checks;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            unit_failed_checks++;                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
        }                                                                                          \
    } while (0)

#define CHECK_INT(got, expected)                                                                   \
    do {                                                                                           \
        long long unit_got = (long long)(got), unit_want = (long long)(expected);                  \
        if (unit_got != unit_want) {                                                               \
            unit_failed_checks++;                                                                  \
            fprintf(stderr, "%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #got,        \
                    unit_got, unit_want);                                                          \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(slice, text)                                                                    \
    do {                                                                                           \
        struct ls_slice unit_got = (slice);                                                        \
        if (unit_got.len != strlen(text) || memcmp(unit_got.at, text, unit_got.len) != 0) {        \
            unit_failed_checks++;                                                                  \
            fprintf(stderr, "%s:%d: %s is \"%.*s\", expected \"%s\"\n", __FILE__, __LINE__,        \
                    #slice, (int)unit_got.len, unit_got.at ? unit_got.at : "", text);              \
        }                                                                                          \
    } while (0)

struct unit_test {
    const char *name; /* present tense: what an observer sees */
    void (*run)(void);
};

static inline int unit_main(const struct unit_test *tests, size_t count)
{
    int passed = 0, failed = 0;
    for (size_t i = 0; i < count; i++) {
        unit_failed_checks = 0;
        tests[i].run();
        if (unit_failed_checks > 0) {
            fprintf(stderr, "FAILED: %s\n", tests[i].name);
            failed++;
        } else {
            passed++;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

#define UNIT_MAIN(tests)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        return unit_main(tests, sizeof(tests) / sizeof *(tests));                                  \
    }

#endif
