/* What every process that the supervisor has forked knows of itself, and by which it is interrupted and woken:
 * the supervisor knows the address, which is the same there, and sends it with the signal. */
#ifndef LS_SERVER_SELF_H
#define LS_SERVER_SELF_H

#include <signal.h>

#include "exchange/account.h"
#include "lua/state.h"
#include "os/bell.h"
#include "os/crash.h"

struct luaserve;

enum { LS_INTERRUPT_SIGNAL = SIGURG }; /* ignored by default: harmless where nobody expects it */

struct ls_self {
    struct ls_lua *lua;
    struct ls_slot *slot;
    uint64_t word;       /* what we last wrote to the slot: nobody else changes it but to take it */
    struct ls_bell bell; /* who waits for events can be woken */
    struct ls_crash *crash; /* the slot's */
    struct ls_books books;
    int supervisor; /* our parent's pid: nobody else may interrupt us */
};

/* Where answers are noted that this process gives; NULL: they are neither counted nor logged. */
struct ls_account *ls_self_account(const struct luaserve *s, uint64_t index);

/* The process has the slot, and from now on can be interrupted. `quit`: see struct ls_lua. */
void ls_self_join(struct ls_self *self, const struct luaserve *s, struct ls_slot *slot,
                  void (*quit)(void *ctx, int status), void *ctx);

#endif
