/* A side process (sides.h), in that process: the second one of a client, or a run of a schedule. The driver of
 * the engine that simply blocks, and never reads or writes for a client by itself. */
#ifndef LS_SERVER_SIDE_H
#define LS_SERVER_SIDE_H

#include "exchange/second.h"
#include "server/self.h"

struct ls_schedule;

struct ls_side {
    struct ls_driver driver; /* first: the engine knows it by this */
    struct ls_self self;
    int fd; /* the client's socket; -1: there is no client */
};

/* In a worker, which is `owner`: makes a second process for the client whose handler runs with `e`. Returns in
 * both, as ls_driver.split does. */
int ls_side_split(struct luaserve *s, struct ls_engine *e, const struct ls_self *owner,
                  struct ls_second *second);
/* There too: what has become of it. */
void ls_side_join(struct luaserve *s, const struct ls_self *owner, const struct ls_second *second,
                  enum ls_second_end end);

/* In the supervisor: forks a process that runs the schedule once, for the `run`th time. Its pid, and what
 * its place (sides.h) is called; or -errno. */
int ls_side_schedule(struct luaserve *s, const struct ls_schedule *schedule, uint64_t run,
                     uint32_t *place, uint64_t *ticket);

#endif
