/* For the two tests of the configuration, config_test.c and configfile_test.c: writes a config.lua
 * into a folder of its own, reads it, and compares what is said about it. */
#ifndef CONFIGS_H
#define CONFIGS_H

#include "unit.h"
#include "valgrind.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/sys.h"
#include "server/config.h"

/* A folder for config files; the tests make it at their first file. */
static char folder[] = "/tmp/config_test.XXXXXX", path[64];

static inline void write_file(const char *name, const void *bytes, size_t len)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file && (len == 0 || fwrite(bytes, 1, len, file) == len));
    if (file)
        fclose(file);
}

/* All occurrences of the file's path become "config.lua", as if the tests ran in its folder. */
static inline void shorten(struct ls_buffer *text)
{
    size_t prefix = strlen(folder) + 1;
    for (size_t at = 0; at + prefix <= text->len;) {
        if (memcmp(text->at + at, folder, prefix - 1) != 0) {
            at++;
            continue;
        }
        memmove(text->at + at, text->at + at + prefix, text->len - at - prefix);
        text->len -= prefix;
    }
}

static inline struct ls_slice said(const struct ls_buffer *faults)
{
    return (struct ls_slice) { faults->at ? faults->at : "", faults->len };
}

/* Reads `len` bytes as config.lua: the result, with the faults' lines. */
static inline int read_bytes(struct ls_config *c, const void *bytes, size_t len,
                             struct ls_buffer *faults)
{
    write_file("config.lua", bytes, len);
    CHECK_INT(ls_config_init(c), 0);
    ls_buffer_clear(faults);
    int err = ls_config_read(c, path, faults);
    shorten(faults);
    return err;
}

static inline void check_faults(const char *source, const char *lines)
{
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), *lines ? -EINVAL : 0);
    CHECK_TEXT(said(&faults), lines);
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

/* The file's one fault, less "config.lua: " and the line feed. */
static inline void check_fault(const char *source, const char *fault)
{
    char line[1000];
    snprintf(line, sizeof line, "config.lua: %s\n", fault);
    check_faults(source, line);
}

static inline int config_main(const struct unit_test *tests, size_t count)
{
    if (!mkdtemp(folder))
        return 1;
    suit_valgrind();
    int failed = unit_main(tests, count);
    const char *const names[] = { "config.lua", "log", "" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    return failed;
}

#endif
