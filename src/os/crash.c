#include "os/crash.h"

#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>

#include "os/sys.h"

enum { SIZE = 16 << 10 }; /* bytes: a power of two */

/* It is aligned to its size, so whoever runs on it finds its lower end, and what stands there. */
struct ls_crash_stack {
    alignas(SIZE) struct ls_crash *const *note;
    void (*say)(void *ctx, int signal); /* NULL: nothing more */
    void *ctx;
    char room[SIZE - 3 * sizeof(void *)];
};

_Static_assert(sizeof(struct ls_crash_stack) == SIZE, "a stack can be found by its alignment");

static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGXCPU };

/* The usual handling is in force again by now (SA_RESETHAND). A fault of the process's own happens
 * once more as soon as we return; a signal that was sent has to be sent once more. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    const struct ls_crash_stack *stack = (const void *)(here & ~(uintptr_t)(SIZE - 1));
    volatile struct ls_crash *note = *stack->note;
    (void)context;
    note->code = info->si_code;
    note->address = info->si_code > 0 ? (uint64_t)(uintptr_t)info->si_addr : 0;
    note->signal = signal;
    if (stack->say)
        stack->say(stack->ctx, signal);
    if (info->si_code <= 0)
        ls_sys_kill(ls_sys_getpid(), signal);
}

struct ls_crash_stack *ls_crash_stack_new(void)
{
    struct ls_crash_stack *stack = aligned_alloc(SIZE, sizeof *stack);
    if (stack)
        stack->say = NULL;
    return stack;
}

void ls_crash_last_words(struct ls_crash_stack *stack, void (*say)(void *ctx, int signal),
                         void *ctx)
{
    stack->say = say;
    stack->ctx = ctx;
}

void ls_crash_stack_free(struct ls_crash_stack **stack)
{
    free(*stack);
    *stack = NULL;
}

void ls_crash_note_in(struct ls_crash_stack *stack, struct ls_crash *const *note)
{
    stack->note = note;
}

void ls_crash_watch(struct ls_crash_stack *stack)
{
    const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof *stack };
    if (ls_sys_sigaltstack(&alternate, NULL) < 0)
        return;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        ls_sys_on_signal(faults[i], on_fault, SA_ONSTACK | SA_RESETHAND);
}
