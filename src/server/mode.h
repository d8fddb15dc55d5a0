/* How clients are served, and what the supervisor asks of either way. */
#ifndef LS_SERVER_MODE_H
#define LS_SERVER_MODE_H

#include <stdbool.h>
#include <stdint.h>

struct luaserve;
struct ls_config;
struct ls_death;
struct ls_headcount;
struct ls_listeners;

struct ls_mode {
    const char *name;
    uint32_t (*slots)(const struct ls_config *c);    /* in shared memory */
    uint64_t (*accounts)(const struct ls_config *c); /* the same: exchange/account.h */
    uint32_t (*cards)(const struct ls_config *c);    /* the same; NULL: clients have slots */

    /* Clients come in from now on, s->listeners being open. 0 or -errno. */
    int (*open)(struct luaserve *s);
    /* After drain and end, or an open that failed. */
    void (*close)(struct luaserve *s);

    /* Something has happened to a descriptor that the mode has put into s->epoll; NULL: it puts none
     * there. */
    void (*event)(struct luaserve *s, uint64_t data);
    /* Does what is due. When to look again, in µs of ls_clock_us; 0: no need. */
    uint64_t (*look)(struct luaserve *s, uint64_t now);

    bool (*owns)(const struct luaserve *s, int pid);
    void (*ended)(struct luaserve *s, int pid,
                  const struct ls_death *death); /* reaped: one of its own */

    /* s->now is another generation, whose listeners those are. */
    void (*renew)(struct luaserve *s, const struct ls_listeners *listeners);
    void (*drain)(
        struct luaserve *s); /* nobody comes in any more; all may finish what they are at */
    void (*end)(struct luaserve *s, const char *why); /* no longer; the log says why */
    uint32_t (*clients)(const struct luaserve *s);    /* how many there are */
    /* The same, in any process of the server. */
    void (*count)(const struct luaserve *s, struct ls_headcount *clients);
    bool (*empty)(const struct luaserve *s); /* no client and no worker is left */
};

extern const struct ls_mode ls_mode_fork; /* a process for every client */
extern const struct ls_mode ls_mode_pool; /* a few processes for all */

const struct ls_mode *ls_mode_of(const struct ls_config *c);

#endif
