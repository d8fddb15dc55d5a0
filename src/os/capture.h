/* The first bytes of what a call's arguments point to, one argument behind the other. */
#ifndef LS_OS_CAPTURE_H
#define LS_OS_CAPTURE_H

#include "os/calls.h"
#include "os/ledger.h"

enum {
    LS_CAPTURE_BYTES = 32, /* of a buffer, at most */
    LS_CAPTURE_PATH = 64,
    LS_CAPTURE_ELEMENTS = 3 /* of an array */
};

/* struct stat, as far as it is kept. */
struct ls_capture_status {
    uint32_t mode;
    uint32_t unused;
    int64_t size;
};

/* Where an argument's bytes stand in `bytes`, and how many of them. `at` goes on from argument to argument,
 * beginning at 0. */
struct ls_captured {
    size_t at, len;
};
struct ls_captured ls_captured_next(const struct ls_ledger_entry *e, unsigned arg, int index,
                                    size_t *at);

void ls_capture_before(struct ls_ledger_entry *e, const struct ls_call *call);
void ls_capture_after(struct ls_ledger_entry *e, const struct ls_call *call); /* it succeeded */

#endif
