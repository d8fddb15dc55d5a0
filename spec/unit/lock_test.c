#include "unit.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exchange/lock.h"
#include "stepping.h"

enum { NAME = 7, LOAD = 20000, PROCESSES = 4, DEADLINE = 60 /* seconds: the whole test */ };
enum { PARENT = 1, FIRST = 2, SECOND = 3 }; /* numbers of holders */

static struct shared {
    struct ls_lock lock;
    struct ls_holder notes[PROCESSES + 2];
    uint64_t count; /* not atomic: the lock has to do it */
} * shared;

static void take(uint32_t number)
{
    ls_lock_take(&shared->lock, &shared->notes[number], number, NAME);
}

static void give(uint32_t number)
{
    ls_lock_give(&shared->lock, &shared->notes[number], number);
}

static void begin(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
}

static void end(void)
{
    CHECK_INT(shared->lock.word, 0);
    for (size_t i = 0; i < sizeof shared->notes / sizeof *shared->notes; i++)
        CHECK_INT(shared->notes[i].at, 0);
    munmap(shared, sizeof *shared);
}

static void recover(uint32_t number)
{
    if (shared->notes[number].at != 0)
        ls_lock_release(&shared->lock, &shared->notes[number], number);
}

static void take_and_give(void *ctx)
{
    take(*(uint32_t *)ctx);
    give(*(uint32_t *)ctx);
}

static void stop_inside(void *ctx)
{
    take(*(uint32_t *)ctx);
    ls_sys_kill(ls_sys_getpid(), SIGSTOP);
    give(*(uint32_t *)ctx);
}

static int fork_one(uint32_t number)
{
    int pid = fork();
    if (pid == 0) {
        take_and_give(&number);
        _exit(0);
    }
    return pid;
}

static void ends_well(int pid)
{
    int status = -1;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
}

static void the_note_says_which_lock(void)
{
    begin();
    take(FIRST);
    CHECK_INT(shared->notes[FIRST].at, NAME);
    CHECK(ls_lock_was_held(&shared->lock, FIRST));
    CHECK(!ls_lock_was_held(&shared->lock, SECOND));
    give(FIRST);
    CHECK(!ls_lock_was_held(&shared->lock, FIRST));
    end();
}

static void one_that_is_not_held_is_left_alone(void)
{
    begin();
    take(FIRST);
    shared->notes[SECOND].at = NAME;
    CHECK(!ls_lock_was_held(&shared->lock, SECOND));
    ls_lock_release(&shared->lock, &shared->notes[SECOND], SECOND);
    CHECK_INT(shared->notes[SECOND].at, 0);
    CHECK(ls_lock_was_held(&shared->lock, FIRST));
    give(FIRST);
    end();
}

static void one_at_a_time_is_inside(void)
{
    int pids[PROCESSES];
    begin();
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if ((pids[i] = fork()) != 0)
            continue;
        for (int n = 0; n < LOAD; n++) {
            take(i + 1);
            shared->count++;
            give(i + 1);
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++)
        ends_well(pids[i]);
    CHECK_INT(shared->count, LOAD * PROCESSES);
    end();
}

/* Dies after `steps` instructions; true: it was done before. Then another one, which may have been
 * asleep already, has to come through. */
static bool die_after(int steps, void (*run)(void *), bool waited_for)
{
    uint32_t number = FIRST;
    int pid = step_begin(run, &number), other = 0, i = 0;
    if (waited_for) {
        step_continue(pid); /* until it stops itself, inside */
        other = fork_one(SECOND);
        step_until_asleep(other);
    }
    while (i < steps && step_on(pid))
        i++;
    if (!waited_for) {
        other = fork_one(SECOND);
        usleep(200);
    }
    if (i == steps)
        step_kill(pid);
    recover(FIRST);
    ends_well(other);
    CHECK_INT(shared->lock.word, 0);
    return i < steps;
}

static void a_death_at_any_instruction_holds_up_nobody(void)
{
    int steps = 0;
    begin();
    while (!die_after(steps, take_and_give, false))
        steps++;
    CHECK(steps > 10);
    end();
}

static void a_death_at_any_instruction_of_giving_wakes_who_waits(void)
{
    int steps = 0;
    begin();
    while (!die_after(steps, stop_inside, true))
        steps++;
    CHECK(steps > 10);
    end();
}

/* The one that is woken, of two that wait, dies after that many instructions more. */
static bool die_woken(int steps)
{
    uint32_t number = FIRST;
    int i = 0;
    take(PARENT);
    int pid = step_begin(take_and_give, &number);
    step_until_asleep_within(pid);
    int other = fork_one(SECOND);
    step_until_asleep(other);
    give(PARENT);
    bool stopped = step_wait(pid); /* it has returned from the futex call */
    while (stopped && i < steps && (stopped = step_on(pid)))
        i++;
    if (stopped)
        step_kill(pid);
    recover(FIRST);
    ends_well(other);
    return !stopped;
}

static void a_death_of_who_was_woken_wakes_the_next(void)
{
    int steps = 0;
    begin();
    while (!die_woken(steps))
        steps++;
    CHECK(steps > 10);
    end();
}

static const struct unit_test tests[] = {
    { "the note says which lock", the_note_says_which_lock },
    { "one that is not held is left alone", one_that_is_not_held_is_left_alone },
    { "one at a time is inside", one_at_a_time_is_inside },
    { "a death at any instruction holds up nobody", a_death_at_any_instruction_holds_up_nobody },
    { "a death at any instruction of giving wakes who waits",
      a_death_at_any_instruction_of_giving_wakes_who_waits },
    { "a death of who was woken wakes the next", a_death_of_who_was_woken_wakes_the_next },
};

int main(void)
{
    enum { WITHOUT_PTRACE = 3 };
    alarm(DEADLINE);
    if (step_is_permitted())
        return unit_main(tests, sizeof tests / sizeof *tests);
    fprintf(stderr, "skipped: death at any instruction (ptrace is not permitted)\n");
    return unit_main(tests, WITHOUT_PTRACE);
}
