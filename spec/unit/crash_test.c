#include "os/crash.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "unit.h"

static struct ls_crash *note; /* shared with the child */

static void touch(void)
{
    volatile uintptr_t where = 0x10;
    *(volatile int *)where = 1;
}

static void descend(volatile int *depth)
{
    volatile char frame[4096];
    frame[0] = 1;
    if (++*depth > 0)
        descend(depth);
    frame[1] = frame[0];
}

static void overflow(void)
{
    volatile int depth = 0;
    descend(&depth);
}

static void send(void)
{
    kill(getpid(), SIGSEGV);
    for (;;)
        pause();
}

/* How the child ended that did that under watch. */
static int after(void (*fault)(void))
{
    int status = 0;
    *note = (struct ls_crash) { 0, 0, 0 };
    int pid = fork();
    if (pid == 0) {
        const struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        struct ls_crash_stack *stack = ls_crash_stack_new();
        ls_crash_note_in(stack, &note);
        ls_crash_watch(stack);
        fault();
        _exit(0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void a_fault_is_noted_and_still_ends_the_process(void)
{
    CHECK_INT(after(touch), SIGSEGV);
    CHECK_INT(note->signal, SIGSEGV);
    CHECK_INT(note->code, SEGV_MAPERR);
    CHECK_INT(note->address, 0x10);
}

static void an_overflow_of_the_stack_is_noted_too(void)
{
    CHECK_INT(after(overflow), SIGSEGV);
    CHECK_INT(note->signal, SIGSEGV);
    CHECK(note->code > 0 && note->address > 0x10000);
}

static void what_is_sent_ends_the_process_and_is_no_fault(void)
{
    CHECK_INT(after(abort), SIGABRT);
    CHECK_INT(note->signal, SIGABRT);
    CHECK(note->code <= 0);
    CHECK_INT(after(send), SIGSEGV);
    CHECK_INT(note->signal, SIGSEGV);
    CHECK(note->code <= 0 && note->address == 0);
}

static const struct unit_test tests[] = {
    { "a fault is noted and still ends the process", a_fault_is_noted_and_still_ends_the_process },
    { "an overflow of the stack is noted too", an_overflow_of_the_stack_is_noted_too },
    { "what is sent ends the process and is no fault",
      what_is_sent_ends_the_process_and_is_no_fault },
};

int main(void)
{
    if (getenv("VALGRIND")) {
        puts("0 passed, 0 failed (not under valgrind)");
        return 0;
    }
    note = mmap(NULL, sizeof *note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
