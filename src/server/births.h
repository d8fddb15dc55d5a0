/* Children that workers make for the supervisor (sides.h), where no signal tells it of the end of a child
 * that it does not know (children.h): they are written down before they run, in memory that all share.
 * Whatever becomes of worker and child then, the supervisor finds the child here. */
#ifndef LS_SERVER_BIRTHS_H
#define LS_SERVER_BIRTHS_H

#include <stdatomic.h>
#include <stdint.h>

struct ls_birth {
    _Atomic uint32_t owner; /* the number of the process that makes it; 0: free */
    _Atomic int pid;        /* written by the kernel; 0: there is no child yet */
    _Atomic uint32_t told;  /* the owner has what it needs: the child may be reaped */
};

struct ls_births {
    struct ls_birth *all;
    uint32_t count;
    _Atomic uint32_t top; /* those that were ever claimed are the first ones, up to this */
};

/* The owner, before the fork: a free one, or -EAGAIN. */
int64_t ls_births_claim(struct ls_births *b, uint32_t owner);
void ls_births_tell(struct ls_births *b, uint32_t index);   /* after it … */
void ls_births_cancel(struct ls_births *b, uint32_t index); /* … or there is no child */

/* The supervisor: hands over, once each, the children that were told of, and all of an owner that has
 * been reaped (0: of none). */
void ls_births_take(struct ls_births *b, uint32_t owner, void (*each)(void *ctx, int pid),
                    void *ctx);

#endif
