#include "server/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "os/sys.h"
#include "os/whole.h"

enum { FIRST_HANDED_OVER = 3 }; /* descriptor, by sd_listen_fds(3) */

static uint64_t number_in(const char *variable)
{
    uint64_t number;
    return ls_slice_to_u64(ls_slice_of(getenv(variable)), &number) < 0 ? 0 : number;
}

/* "@name" is an abstract address: its first byte is NUL. */
static void find_notify(struct ls_service *v, const char *path)
{
    struct sockaddr_un *local = &v->notify.name.local;
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len > sizeof local->sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, len);
    if (path[0] == '@')
        local->sun_path[0] = '\0';
    v->notify.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

int ls_service_begin(struct ls_service *v, struct ls_listeners *listeners,
                     struct luaserve_error *error)
{
    int err = 0;
    uint64_t count = number_in("LISTEN_FDS");
    if (count > 0 && number_in("LISTEN_PID") == (uint64_t)ls_sys_getpid())
        err = ls_listeners_adopt(listeners, FIRST_HANDED_OVER,
                                 count < INT32_MAX ? (int)count : INT32_MAX, error);
    find_notify(v, getenv("NOTIFY_SOCKET"));
    static const char *const ours[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
                                        "NOTIFY_SOCKET" };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        unsetenv(ours[i]); /* they mean this process, and no program that it starts */
    return err;
}

void ls_service_notify(const struct ls_service *v, const char *state)
{
    if (v->notify.len == 0)
        return;
    int fd = ls_sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    ls_sys_sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL, &v->notify.name.any,
                  v->notify.len);
    ls_sys_close(fd);
}

void ls_service_notify_reload(const struct ls_service *v)
{
    char state[64];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)ls_clock_us());
    ls_service_notify(v, state);
}

int ls_service_write_pid(struct ls_service *v, const char *path, struct luaserve_error *error)
{
    const struct ls_open_how how = { .flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                                     .mode = 0644 };
    char line[16];
    if (strcmp(path, "-") == 0)
        return 0;
    v->pid = ls_sys_getpid();
    int len = snprintf(line, sizeof line, "%d\n", v->pid);
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    long wrote = fd < 0 ? fd : ls_sys_write(fd, line, (size_t)len);
    if (fd >= 0)
        ls_sys_close(fd);
    if (wrote < 0)
        return ls_error_set(error, LUASERVE_CONFIG, "pidfile: cannot write %s: %s", path,
                            strerror((int)-wrote));
    v->pidfile = strdup(path);
    return v->pidfile ? 0 : ls_error_os(error, "pidfile", -ENOMEM);
}

/* Another server may have written it since. */
static bool is_ours(const struct ls_service *v)
{
    struct ls_buffer text = { 0 };
    uint64_t pid = 0;
    bool ours = ls_whole_read(v->pidfile, 64, &text) >= 0 &&
                ls_slice_to_u64((struct ls_slice) { text.at, text.len > 0 ? text.len - 1 : 0 },
                                &pid) == 0 &&
                pid == (uint64_t)v->pid;
    ls_buffer_free(&text);
    return ours;
}

void ls_service_end(struct ls_service *v)
{
    if (v->pidfile && v->pid == ls_sys_getpid() && is_ours(v))
        ls_sys_unlink(v->pidfile);
    free(v->pidfile);
    v->pidfile = NULL;
}
