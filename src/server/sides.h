/* Side processes: those that serve no client of their own, but are the second one of a client
 * (conn:duplex), or a run of a schedule. Who they are, in shared memory.
 *
 * A place is taken by its owner (a worker, or the supervisor) before the fork, and entered by the child; all
 * children are the supervisor's, which reaps them and then frees the place. All that is known of it is one
 * word: an owner that dies before its child has come leaves a place that the child can no longer enter. */
#ifndef LS_SERVER_SIDES_H
#define LS_SERVER_SIDES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "exchange/commons.h"

struct ls_side;

struct ls_side_place {
    _Atomic uint64_t word;        /* ticket, pid, owner and state; 0: free */
    struct ls_side *_Atomic side; /* as it is called in that process */
};

struct ls_sides {
    struct ls_side_place *all;
    uint32_t count;
    uint32_t first;         /* the slot of the first one */
    _Atomic uint32_t top;   /* places that were ever taken are the first ones, up to this */
    _Atomic uint32_t taken; /* at the moment */
    _Atomic uint32_t tickets;
};

/* Takes a place for a child of `owner` (the number of a process; 0: the supervisor) that knows itself by `side`.
 * Its index, and the ticket that the following want; -EAGAIN: there is no free one. */
int64_t ls_sides_reserve(struct ls_sides *s, uint32_t owner, struct ls_side *side,
                         uint64_t *ticket);

/* In the child, before it touches what goes with the place: may it still come? */
bool ls_sides_is_reserved(const struct ls_sides *s, uint32_t index, uint64_t ticket);

/* The same, when it can be interrupted and woken. False: nobody wants it any more. */
bool ls_sides_enter(struct ls_sides *s, uint32_t index, uint64_t ticket);

/* The owner: there is no child, or it has died before it entered. */
void ls_sides_cancel(struct ls_sides *s, uint32_t index, uint64_t ticket);

/* The owner: it is about to be killed, and nobody is to wonder. */
void ls_sides_dismiss(struct ls_sides *s, uint32_t index, uint64_t ticket);

/* ---- for the supervisor ---- */

uint32_t ls_sides_top(const struct ls_sides *s); /* how many places there are to look at */
bool ls_sides_are_empty(const struct ls_sides *s);

/* The place of that process, which has entered and is not reaped yet; -1: none. */
int64_t ls_sides_find(const struct ls_sides *s, int pid);

/* It is reaped. True: nobody had asked for its end. */
bool ls_sides_leave(struct ls_sides *s, uint32_t index);

/* The owner has died: its children are to end. Calls `kill` with the pid of each that has entered; false: that
 * one was dead already. */
void ls_sides_orphan(struct ls_sides *s, uint32_t owner, bool (*kill)(int pid));

int ls_sides_pid(const struct ls_sides *s, uint32_t index); /* of who lives there; 0: nobody */
bool ls_sides_is_wanted(const struct ls_sides *s,
                        uint32_t index); /* nobody has asked for its end */
uint32_t ls_sides_owner(const struct ls_sides *s, uint32_t index);

#endif
