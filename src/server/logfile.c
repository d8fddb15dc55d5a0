#include "server/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "os/sys.h"
#include "server/error.h"

enum {
    LAST = 256 << 10,    /* bytes: what is written until a process that died is reaped */
    PATIENCE = 100000000 /* ns */
};

/* Without waiting: a pipe that nobody reads is ENXIO. */
static int open_file(const char *path)
{
    struct ls_open_how how = {
        .flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, .mode = 0640
    };
    return ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
}

/* The file at that path is another one now, because somebody has moved ours away. When it cannot be
 * opened we keep ours: a log in the wrong place is better than none. */
static void reopen(struct ls_log_file *file)
{
    file->age = atomic_load(file->now);
    int fd = file->path ? open_file(file->path) : -1;
    if (fd < 0)
        return;
    ls_sys_dup3(fd, file->fd, O_CLOEXEC);
    ls_sys_close(fd);
    file->known = false;
}

/* A pipe or terminal that nobody reads holds nobody up: what it does not take within PATIENCE is lost, and what
 * follows at once, until it takes something again. A line is no longer than PIPE_BUF: where there is room at
 * all, there is for all of it. */
static bool takes(struct ls_log_file *file)
{
    const struct timespec patience = { .tv_nsec = file->stuck ? 0 : PATIENCE };
    struct pollfd room = { .fd = file->fd, .events = POLLOUT };
    int ready;
    do
        ready = ls_sys_ppoll(&room, 1, &patience, NULL);
    while (ready == -EINTR);
    file->stuck = ready == 0;
    return ready != 0;
}

static bool is_regular(int fd)
{
    struct stat status;
    return ls_sys_fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Nobody is left to tell when it fails. */
void ls_log_file_write(void *ctx, const char *line, size_t len)
{
    struct ls_log_file *file = ctx;
    if (file->now && atomic_load(file->now) != file->age)
        reopen(file);
    if (!file->known)
        file->regular = is_regular(file->fd);
    file->known = true;
    if (file->regular || takes(file))
        while (ls_sys_write(file->fd, line, len) == -EINTR)
            ;
}

static int open_again(const struct ls_log_file *file)
{
    struct ls_open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file->fd);
    return ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
}

/* Appends the end of a regular file. */
static int read_end(int fd, struct ls_buffer *end)
{
    struct stat status;
    int err = ls_sys_fstat(fd, &status);
    if (err < 0 || !S_ISREG(status.st_mode))
        return err < 0 ? err : -ESPIPE;
    int64_t at = status.st_size > LAST ? status.st_size - LAST : 0;
    if (ls_buffer_reserve(end, LAST) < 0)
        return -ENOMEM;
    long got = ls_sys_pread64(fd, end->at, LAST, at);
    end->len = got > 0 ? (size_t)got : 0;
    return got < 0 ? (int)got : 0;
}

static bool find_line(struct ls_slice lines, const struct ls_access_text *text)
{
    const char *at;
    while ((at = memmem(lines.at, lines.len, text->at, text->before))) {
        lines = ls_slice_from(lines, (size_t)(at - lines.at));
        if (ls_access_is_line(lines, text))
            return true;
        lines = ls_slice_from(lines, 1);
    }
    return false;
}

bool ls_log_file_has(void *ctx, const struct ls_access_text *text)
{
    struct ls_buffer end = { 0 };
    int fd = open_again(ctx), err = fd < 0 ? fd : read_end(fd, &end);
    bool has = err < 0 || find_line((struct ls_slice) { end.at, end.len }, text);
    if (fd >= 0)
        ls_sys_close(fd);
    ls_buffer_free(&end);
    return has;
}

int ls_log_file_open(struct ls_log_file *file, const char *path, const char *key,
                     struct luaserve_error *error)
{
    if (strcmp(path, "-") == 0)
        return 0;
    int fd = open_file(path);
    if (fd < 0)
        return ls_error_set(error, LUASERVE_CONFIG, "%s: cannot open %s: %s", key, path,
                            strerror(-fd));
    file->fd = fd;
    file->path = path;
    return 0;
}

void ls_log_file_close(struct ls_log_file *file)
{
    if (file->path)
        ls_sys_close(file->fd);
}
