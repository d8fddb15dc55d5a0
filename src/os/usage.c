#include "os/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/slice.h"
#include "os/sys.h"

enum {
    TEXT = 2048,         /* bytes of such a file, more than there are */
    TICK = 10000,        /* µs: USER_HZ is 100 on x86-64 */
    PAGE = 4096,         /* bytes */
    CPU_CLOCK = 2,       /* kind of a process's clock: user and system time */
    STATE_TO_UTIME = 11, /* fields of stat behind the name and before the times, of which … */
    TIMES = 4            /* … there are so many */
};

static int read_file(int pid, const char *name, char text[TEXT])
{
    struct ls_open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY };
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    if (fd < 0)
        return fd;
    long got = ls_sys_read(fd, text, TEXT);
    ls_sys_close(fd);
    return got == 0 ? -ESRCH : (int)got;
}

/* A number of decimal digits, behind blanks; moves *at behind it. False: there is none. */
static bool number(const char **at, const char *end, uint64_t *value)
{
    const char *c = *at;
    while (c < end && (*c == ' ' || *c == '\t'))
        c++;
    const char *first = c;
    for (*value = 0; c < end && *c >= '0' && *c <= '9' && c - first < 19; c++)
        *value = *value * 10 + (uint64_t)(*c - '0');
    *at = c;
    return c > first;
}

static const char *skip_field(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    while (at < end && *at != ' ')
        at++;
    return at;
}

int ls_usage_parse_stat(const char *text, size_t len, uint64_t *ticks)
{
    const char *end = text + len, *at = end;
    uint64_t part;
    while (at > text && at[-1] != ')')
        at--;
    if (at == text)
        return -EINVAL;
    for (int i = 0; i < STATE_TO_UTIME; i++)
        at = skip_field(at, end);
    *ticks = 0;
    for (int i = 0; i < TIMES; i++) {
        if (!number(&at, end, &part))
            return -EINVAL;
        *ticks += part;
    }
    return 0;
}

int ls_usage_parse_own(const char *text, size_t len, uint64_t *bytes)
{
    static const char name[] = "\nPrivate_"; /* Clean, Dirty, Hugetlb */
    const char *at = text, *end = text + len;
    bool found = false;
    *bytes = 0;
    while ((at = memmem(at, (size_t)(end - at), name, sizeof name - 1)) != NULL) {
        uint64_t kib;
        at++;
        const char *colon = memchr(at, ':', (size_t)(end - at));
        if (!colon)
            break;
        at = colon + 1;
        if (!number(&at, end, &kib))
            return -EINVAL;
        *bytes += kib << 10;
        found = true;
    }
    return found ? 0 : -EINVAL;
}

int ls_usage_cpu(int pid, uint64_t *us)
{
    struct timespec t;
    int err = ls_sys_clock_gettime((int)(~(unsigned)pid << 3 | CPU_CLOCK), &t);
    *us = err < 0 ? 0 : (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
    return err;
}

int ls_usage_cpu_of_all(int pid, uint64_t *us)
{
    char text[TEXT];
    int len = read_file(pid, "stat", text);
    int err = len < 0 ? len : ls_usage_parse_stat(text, (size_t)len, us);
    *us = err < 0 ? 0 : *us * TICK;
    return err;
}

int ls_usage_resident(int pid, uint64_t *bytes)
{
    char text[TEXT];
    int len = read_file(pid, "statm", text);
    const char *at = text;
    uint64_t size;
    if (len < 0)
        return len;
    if (!number(&at, text + len, &size) || !number(&at, text + len, bytes))
        return -EINVAL;
    *bytes *= PAGE;
    return 0;
}

int ls_usage_own(int pid, uint64_t *bytes)
{
    char text[TEXT];
    int len = read_file(pid, "smaps_rollup", text);
    return len < 0 ? len : ls_usage_parse_own(text, (size_t)len, bytes);
}
