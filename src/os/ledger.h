/* The syscall ledger: what the stubs ask of the kernel, recorded while it happens.
 *
 * A process that records writes each call into a ring of its own, in memory that it shares with
 * those who read: the arguments, the first bytes of what they point to, the result, the time stamp
 * counter before and after, and which request the call was made for. The entry is there before the
 * call is made, so that one that never returns shows too.
 *
 * One process writes a ring, at any time others read it. An entry that the writer may be at is not
 * read: a ring of N gives its last N - 1 calls.
 *
 * Recording is a gate (os/sys.h): without it a stub asks one pointer, as always. What does not go
 * through the stubs (the C library's and Lua's own I/O) is not recorded. */
#ifndef LS_OS_LEDGER_H
#define LS_OS_LEDGER_H

#include <stdatomic.h>

#include "os/sys.h"

enum { LS_LEDGER_BYTES = 108 };

struct ls_ledger_entry {
    uint64_t about;      /* the request's number; 0: none */
    uint64_t from;       /* ticks of the time stamp counter, at the call … */
    _Atomic uint64_t to; /* … and at its return; 0: it has not returned */
    int64_t result;
    int64_t args[6];
    uint32_t nr;
    unsigned char bytes[LS_LEDGER_BYTES]; /* of what arguments point to: see os/capture.h */
};

_Static_assert(sizeof(struct ls_ledger_entry) == 192, "three cache lines");

struct ls_ledgers { /* all rings of a server, one behind the other in one piece of memory */
    uint32_t count;
    uint32_t size;            /* entries of each: a power of two */
    uint64_t ticks, us;       /* both clocks at the same time: the rate can be told later */
    _Atomic uint64_t heads[]; /* entries that were ever written to each */
};

size_t ls_ledgers_size(uint32_t count, uint32_t size); /* bytes */
void ls_ledgers_init(struct ls_ledgers *all, uint32_t count, uint32_t size);
struct ls_ledger_entry *ls_ledgers_ring(const struct ls_ledgers *all, uint32_t ring);
void ls_ledgers_clear(struct ls_ledgers *all, uint32_t ring); /* nobody writes to it */

/* Copies the entry `index` (0, 1, … as they were written). False: it is no longer there, or not yet. */
bool ls_ledgers_read(const struct ls_ledgers *all, uint32_t ring, uint64_t index,
                     struct ls_ledger_entry *entry);
/* What the entry seems to be about: cheaper than to copy it. */
static inline uint64_t ls_ledgers_about(const struct ls_ledgers *all, uint32_t ring, uint64_t index)
{
    const volatile struct ls_ledger_entry *entries = ls_ledgers_ring(all, ring);
    return entries[index & (all->size - 1)].about;
}

/* The oldest entry that can be read, and one more than the newest. */
uint64_t ls_ledgers_oldest(const struct ls_ledgers *all, uint32_t ring);
uint64_t ls_ledgers_end(const struct ls_ledgers *all, uint32_t ring);

double ls_ledgers_us_per_tick(const struct ls_ledgers *all);

/* ---- recording ---- */

enum { LS_LEDGER_NONE = -1 };

struct ls_recorder {
    struct ls_sys_gate gate; /* first */
    struct ls_ledgers *all;
    int64_t ring; /* LS_LEDGER_NONE: nothing is recorded */
    int64_t heir; /* where the next child goes on; LS_LEDGER_NONE: nowhere */
    uint64_t about;
    uint64_t heirs; /* request, that the child's first calls are about */
};

/* From now on this process records its calls in that ring, until `end`. Before a gate that is there, whose results
 * are what is recorded. Only while the process has one thread. */
void ls_recorder_begin(struct ls_recorder *r, struct ls_ledgers *all, uint32_t ring);
void ls_recorder_end(struct ls_recorder *r);
void ls_recorder_resume(struct ls_recorder *r); /* after `end`, as if that had not been */

/* What the calls to come are made for. Nothing where nothing is recorded. */
void ls_recorder_about(uint64_t request);

/* The child that is forked next (not by a thread) records in `ring`, which is cleared and gets, as its first
 * entries, what this process has done since its last accept4. LS_LEDGER_NONE: it records nothing. */
void ls_recorder_bequeath(struct ls_recorder *r, int64_t ring, uint64_t about);

void ls_recorder_adopt(uint64_t about); /* the last accept4 was for that request */

#endif
