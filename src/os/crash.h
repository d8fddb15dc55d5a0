/* A process's last words: where a fault hit it, noted where others can read it, before the fault ends
 * the process as it would have anyway. */
#ifndef LS_OS_CRASH_H
#define LS_OS_CRASH_H

#include <stdint.h>

struct ls_crash {
    int32_t signal; /* 0: there was none */
    int32_t code;   /* si_code: <= 0 when a process sent it */
    uint64_t
        address; /* that was touched (SIGSEGV, SIGBUS), or of the instruction (SIGILL, SIGFPE) */
};

/* What the handlers need: a stack of their own, so that an overflow of the usual one is noted too. */
struct ls_crash_stack;

struct ls_crash_stack *ls_crash_stack_new(void); /* NULL: no memory */
void ls_crash_stack_free(struct ls_crash_stack **stack);

/* Is called with `ctx` when all is noted, and may do what is async-signal-safe. Before the watch. */
void ls_crash_last_words(struct ls_crash_stack *stack, void (*say)(void *ctx, int signal),
                         void *ctx);

/* From now on SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT and SIGXCPU are noted in
 * **note first: where that is may be settled later, and elsewhere than in the stack's own pages. */
void ls_crash_watch(struct ls_crash_stack *stack);

/* Before. */
void ls_crash_note_in(struct ls_crash_stack *stack, struct ls_crash *const *note);

#endif
