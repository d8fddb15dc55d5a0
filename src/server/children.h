/* The supervisor's children, and how it learns of their ends.
 *
 * In a program that is a server and nothing else (luaserve_handle_signals) by SIGCHLD. In any other one
 * that signal is the host's: there children end without one, so that neither the host's handler nor its
 * wait(2) meets them, and a descriptor of each (pidfd) stands in the supervisor's epoll set. */
#ifndef LS_SERVER_CHILDREN_H
#define LS_SERVER_CHILDREN_H

#include <stddef.h>
#include <stdint.h>

struct luaserve;

struct ls_children { /* where SIGCHLD does not tell; workers don't have it */
    struct ls_child {
        int pid;       /* 0: free */
        int fd;        /* -1: it cannot be watched, and is looked for from time to time */
        uint32_t next; /* free */
    } * all;
    uint32_t cap, count; /* all that were ever used are the first `count` */
    uint32_t free;       /* the first free one of these; `cap`: none */
    uint32_t unwatched;
};

int ls_children_open(struct luaserve *s);   /* 0 or -ENOMEM */
void ls_children_close(struct luaserve *s); /* whoever is left is killed */

/* ls_fork, in the supervisor, which will be told of the child's end. */
int ls_children_fork(struct luaserve *s, unsigned long flags);

/* A worker has made that one for the supervisor, which is `server` (births.h). */
void ls_children_adopt(void *server, int pid);

void ls_children_event(struct luaserve *s, uint32_t index); /* something of that child's */
void ls_children_check(struct luaserve *s, int pid);        /* it, at least, may have ended */

/* Looks for those that cannot be watched. When to look again, in µs; 0: no need. */
uint64_t ls_children_look(struct luaserve *s, uint64_t now);

#endif
