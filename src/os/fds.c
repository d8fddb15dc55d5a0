#include "os/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>
#include "base/slice.h"
#include "os/sys.h"

struct directory_entry { /* linux_dirent64, which no header of libc has */
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

static bool is_open(int fd)
{
    return ls_sys_fcntl(fd, F_GETFD, 0) >= 0;
}

/* Calls `each` for the descriptors among `len` bytes of entries, other than `but`. */
static int each_in(const char *entries, size_t len, int but, int (*each)(void *ctx, int fd),
                   void *ctx)
{
    int err = 0;
    for (size_t at = 0; at < len && err == 0;) {
        const struct directory_entry *entry = (const void *)(entries + at);
        uint64_t fd;
        if (ls_slice_to_u64(ls_slice_of(entry->name), &fd) == 0 && (int)fd != but)
            err = each(ctx, (int)fd);
        at += entry->size;
    }
    return err;
}

static int each_listed(int directory, int (*each)(void *ctx, int fd), void *ctx)
{
    _Alignas(struct directory_entry) char entries[4096];
    long got;
    int err = 0;
    while (err == 0 && (got = ls_sys_getdents64(directory, entries, sizeof entries)) != 0)
        err = got < 0 ? (int)got : each_in(entries, (size_t)got, directory, each, ctx);
    return err;
}

/* 0, or the first -errno of `each`. Where /proc is not mounted: -ENOENT. */
static int each_open(int (*each)(void *ctx, int fd), void *ctx)
{
    const struct ls_open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC };
    int directory = ls_sys_openat2(AT_FDCWD, "/proc/self/fd", &how, sizeof how);
    if (directory < 0)
        return directory;
    int err = each_listed(directory, each, ctx);
    ls_sys_close(directory);
    return err;
}

static int take_highest(void *ctx, int fd)
{
    int *highest = ctx;
    *highest = fd > *highest ? fd : *highest;
    return 0;
}

static int highest_asked(void)
{
    struct rlimit limit;
    int err = ls_sys_prlimit64(0, RLIMIT_NOFILE, NULL, &limit);
    if (err < 0)
        return err;
    int fd = limit.rlim_cur > INT32_MAX ? INT32_MAX : (int)limit.rlim_cur;
    do
        fd--;
    while (fd >= 0 && !is_open(fd));
    return fd >= 0 ? fd : -EBADF;
}

static bool cannot_list(int err)
{
    return err == -ENOENT || err == -ENOTDIR || err == -EACCES;
}

int ls_fds_highest(void)
{
    int highest = -EBADF, err = each_open(take_highest, &highest);
    return cannot_list(err) ? highest_asked() : err < 0 ? err : highest;
}

int ls_fds_move(int fd, int lowest)
{
    int moved = ls_sys_fcntl(fd, F_DUPFD_CLOEXEC, (unsigned long)lowest);
    if (moved >= 0)
        ls_sys_close(fd);
    return moved;
}

int ls_fds_raise(int *fd, int lowest)
{
    int raised = *fd < 0 || *fd >= lowest ? *fd : ls_fds_move(*fd, lowest);
    if (raised >= 0)
        *fd = raised;
    return raised >= 0 || *fd < 0 ? 0 : raised;
}

int ls_fds_placeholder(void)
{
    const struct ls_open_how how = { .flags = O_RDONLY | O_CLOEXEC };
    return ls_sys_openat2(AT_FDCWD, "/dev/null", &how, sizeof how);
}

int ls_fds_make_ring(struct ls_fds *fds, int placeholder)
{
    int highest = ls_fds_highest();
    if (highest < 0)
        return highest;
    fds->ring = highest + 1;
    for (int entry = 0; entry < LS_FDS_RING; entry++) {
        int err = ls_fds_clear(fds, entry, placeholder);
        if (err < 0) {
            while (entry-- > 0)
                ls_sys_close(fds->ring + entry);
            return err;
        }
    }
    return 0;
}

int ls_fds_lend(const struct ls_fds *fds, int entry, int socket)
{
    int fd = ls_sys_dup3(socket, fds->ring + entry, O_CLOEXEC);
    return fd < 0 ? fd : 0;
}

int ls_fds_clear(const struct ls_fds *fds, int entry, int placeholder)
{
    return ls_fds_lend(fds, entry, placeholder);
}

/* The soft limit, which workers and programs inherit, is at the hard one but while there is room. */
static void limit_to(uint64_t most)
{
    struct rlimit limit;
    if (ls_sys_prlimit64(0, RLIMIT_NOFILE, NULL, &limit) < 0)
        return;
    limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
    ls_sys_prlimit64(0, RLIMIT_NOFILE, &limit, NULL);
}

void ls_fds_fill(struct ls_fds *fds, int placeholder)
{
    int fd = -1;
    limit_to(RLIM_INFINITY);
    while (fds->filled_count < LS_FDS_HOLES) {
        fd = ls_sys_fcntl(placeholder, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return;
        if (fd > fds->ring)
            break;
        fds->filled[fds->filled_count++] = fd;
    }
    if (fd > fds->ring)
        ls_sys_close(fd);
}

void ls_fds_make_room(struct ls_fds *fds)
{
    while (fds->filled_count > 0)
        ls_sys_close(fds->filled[--fds->filled_count]);
    limit_to((uint64_t)fds->ring);
}

int ls_fds_leave(const struct ls_fds *fds)
{
    return ls_sys_close_range((unsigned)fds->shared_end, ~0U, CLOSE_RANGE_UNSHARE);
}

void ls_fds_note(struct ls_fds *fds)
{
    for (int fd = 0; fd < LS_FDS_NOTED && fd < fds->shared_end; fd++)
        fds->noted[fd] = is_open(fd);
}

struct leaving {
    const struct ls_fds *fds;
    const int *others;
    size_t count;
    int placeholder;
};

static bool stays(const struct leaving *l, int fd)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->others[i] == fd)
            return true;
    return fd == l->placeholder ||
           (fd < LS_FDS_NOTED ? l->fds->noted[fd] : fd < l->fds->shared_end);
}

static int replace(void *ctx, int fd)
{
    const struct leaving *l = ctx;
    int err = stays(l, fd) ? 0 : ls_sys_dup3(l->placeholder, fd, O_CLOEXEC);
    return err < 0 ? err : 0;
}

static int replace_all(struct leaving *l)
{
    int highest = ls_fds_highest(), err = each_open(replace, l);
    if (!cannot_list(err))
        return err;
    err = highest < 0 ? highest : 0;
    for (int fd = 0; fd <= highest && err == 0; fd++)
        err = is_open(fd) ? replace(l, fd) : 0;
    return err;
}

int ls_fds_leave_but(const struct ls_fds *fds, const int *others, size_t count)
{
    struct leaving l = { fds, others, count, ls_fds_placeholder() };
    if (l.placeholder < 0)
        return l.placeholder;
    int err = replace_all(&l);
    ls_sys_close(l.placeholder);
    return err;
}

/* The first call copies only what lies below the part it closes: that is the whole point, and why
 * it has to be the one above. */
int ls_fds_detach(const struct ls_fds *fds, int entry)
{
    int own = fds->ring + entry;
    int err = ls_sys_close_range((unsigned)own + 1, ~0U, CLOSE_RANGE_UNSHARE);
    if (err == 0 && fds->shared_end < own)
        err = ls_sys_close_range((unsigned)fds->shared_end, (unsigned)own - 1, 0);
    return err < 0 ? err : own;
}
