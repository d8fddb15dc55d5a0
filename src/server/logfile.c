#include "server/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "os/sys.h"
#include "server/error.h"

static int open_file(const char *path)
{
    struct ls_open_how how = { .flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, .mode = 0640 };
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
}

/* An interrupt may come while a pipe is full. Nobody is left to tell when it fails otherwise. */
void ls_log_file_write(void *ctx, const char *line, size_t len)
{
    struct ls_log_file *file = ctx;
    if (file->now && atomic_load(file->now) != file->age)
        reopen(file);
    while (ls_sys_write(file->fd, line, len) == -EINTR)
        ;
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
