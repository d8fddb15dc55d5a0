#include "server/children.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "os/own.h"
#include "os/sys.h"
#include "server/reaper.h"
#include "server/server.h"

enum {
    AGAIN = 100000, /* µs until those that cannot be watched are looked for again */
    OTHERS = 2      /* beside workers and side processes: who tries a reload, and one to spare */
};

static bool by_signal(const struct luaserve *s)
{
    return s->fork.exit_signal != 0;
}

static size_t size(const struct luaserve *s)
{
    return s->children.cap * sizeof(struct ls_child);
}

int ls_children_open(struct luaserve *s)
{
    uint32_t cap = s->shared->count + OTHERS;
    if (by_signal(s))
        return 0;
    s->children = (struct ls_children) { .cap = cap, .free = cap };
    s->children.all = ls_own_new(size(s));
    return s->children.all ? 0 : -ENOMEM;
}

static struct ls_child *add(struct luaserve *s, int pid, int fd)
{
    struct ls_children *c = &s->children;
    uint32_t index = c->free < c->cap ? c->free : c->count;
    if (c->free < c->cap)
        c->free = c->all[index].next;
    else
        c->count++;
    c->all[index] = (struct ls_child) { .pid = pid, .fd = fd };
    return &c->all[index];
}

static void stop_watching(struct luaserve *s, struct ls_child *child)
{
    s->children.unwatched += child->fd >= 0;
    ls_sys_close(child->fd);
    child->fd = -1;
}

static void watch(struct luaserve *s, int pid, int pidfd)
{
    struct ls_child *child = add(s, pid, pidfd);
    uint64_t index = (uint64_t)(child - s->children.all);
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = index << 32 | LS_ABOUT_CHILD };
    if (pidfd < 0)
        s->children.unwatched++;
    else if (ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_ADD, pidfd, &e) < 0)
        stop_watching(s, child);
}

/* Others may hold the descriptor still: its close alone would leave it in the set. */
static void drop(struct luaserve *s, uint32_t index)
{
    struct ls_children *c = &s->children;
    struct ls_child *child = &c->all[index];
    if (child->fd >= 0) {
        ls_sys_epoll_ctl(s->epoll, EPOLL_CTL_DEL, child->fd, NULL);
        ls_sys_close(child->fd);
    } else {
        c->unwatched--;
    }
    *child = (struct ls_child) { .fd = -1, .next = c->free };
    c->free = index;
}

/* What the host's stdio has not written yet would otherwise be written by the child too. */
int ls_children_fork(struct luaserve *s, unsigned long flags)
{
    int pidfd;
    if (by_signal(s))
        return ls_fork(&s->fork, flags);
    if (s->children.count == s->children.cap && s->children.free == s->children.cap)
        return -EAGAIN;
    ls_process_flush();
    int pid = ls_fork_watched(&s->fork, flags, &pidfd);
    if (pid <= 0)
        return pid;
    ls_fds_raise(&pidfd, s->fds.ring + LS_FDS_RING); /* or others would inherit it */
    watch(s, pid, pidfd);
    return pid;
}

/* The number stands in memory that workers can write to: it may be a child of the host's. */
static bool is_child(int pid)
{
    const int how = (int)(WEXITED | WNOHANG | WNOWAIT | __WCLONE);
    siginfo_t info;
    return pid > 0 && ls_sys_waitid(P_PID, pid, &info, how, NULL) == 0;
}

static bool is_known(const struct luaserve *s, int pid)
{
    for (uint32_t i = 0; i < s->children.count; i++)
        if (s->children.all[i].pid == pid)
            return true;
    return false;
}

void ls_children_adopt(void *server, int pid)
{
    struct luaserve *s = server;
    bool full = s->children.count == s->children.cap && s->children.free == s->children.cap;
    if (by_signal(s) || full || !is_child(pid) || is_known(s, pid))
        return;
    int pidfd = ls_sys_pidfd_open(pid, 0);
    ls_fds_raise(&pidfd, s->fds.ring + LS_FDS_RING);
    watch(s, pid, pidfd);
}

/* What this is about may have ended, and be another by now. */
void ls_children_event(struct luaserve *s, uint32_t index)
{
    int pid = s->children.all[index].pid;
    if (pid > 0 && ls_reaper_reap(s, pid) && s->children.all[index].pid == pid)
        drop(s, index);
}

void ls_children_check(struct luaserve *s, int pid)
{
    if (by_signal(s))
        ls_reaper_run(s);
    for (uint32_t i = 0; i < s->children.count; i++)
        if (pid > 0 && s->children.all[i].pid == pid)
            ls_children_event(s, i);
}

uint64_t ls_children_look(struct luaserve *s, uint64_t now)
{
    for (uint32_t i = 0; s->children.unwatched > 0 && i < s->children.count; i++)
        if (s->children.all[i].fd < 0)
            ls_children_event(s, i);
    return s->children.unwatched > 0 ? now + AGAIN : 0;
}

void ls_children_close(struct luaserve *s)
{
    struct ls_children *c = &s->children;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->all[i].pid == 0)
            continue;
        ls_sys_kill(c->all[i].pid, SIGKILL);
        ls_sys_wait4(c->all[i].pid, NULL, __WALL, NULL);
        drop(s, i);
    }
    ls_own_free(c->all, c->all ? size(s) : 0);
    *c = (struct ls_children) { .all = NULL };
}
