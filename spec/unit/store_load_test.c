/* Processes that are killed at random while they work on one store. */
#include "unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stores.h"

enum { PROCESSES = 6, COUNTERS = 3, TEXTS = 60, LONGEST = 3000, DEADLINE = 60 /* seconds */ };
enum { FOR = 2000, AT_MOST = 50000 /* ms */, KILLS = 100, FINISHED = 10000 };
enum { SIZE = 2 * LS_STORE_SMALLEST, BETWEEN = 1500 /* µs at most */ };

static struct memory memory;
static struct shared {
    _Atomic uint64_t finished[COUNTERS], sets;
} * shared;

static struct ls_slice name_of(char *into, const char *what, unsigned which)
{
    return (struct ls_slice) { into, (size_t)sprintf(into, "%s%u", what, which) };
}

static void count_one(const struct ls_store_user *u, unsigned which)
{
    char name[32];
    struct ls_value one = integer_value(1), sum;
    if (ls_store_incr(u, 1, name_of(name, "counter", which), &one, 0, 1, &sum) != 1)
        _exit(1);
    atomic_fetch_add(&shared->finished[which], 1);
}

/* The first byte says the rest, so that a reader sees whether it is one text or parts of two. */
static void write_one(const struct ls_store_user *u, unsigned which, unsigned random)
{
    static char text[LONGEST];
    char name[32];
    size_t len = random % LONGEST;
    memset(text, (char)(random >> 12), len);
    struct ls_value value = text_value((struct ls_slice) { text, len });
    if (ls_store_set(u, 2, name_of(name, "text", which), &value, 0, 1, LS_STORE_SET, 0) != 1)
        _exit(2);
    atomic_fetch_add(&shared->sets, 1);
}

static void read_one(const struct ls_store_user *u, unsigned which, struct ls_buffer *out)
{
    char name[32];
    struct ls_value value;
    uint64_t version;
    ls_buffer_clear(out);
    if (ls_store_get(u, 2, name_of(name, "text", which), 1, out, &value, &version) != 1)
        return;
    for (size_t i = 1; i < value.bytes.len; i++)
        if (value.bytes.at[i] != value.bytes.at[0])
            _exit(3);
}

static _Noreturn void work(uint32_t number, unsigned random)
{
    const struct ls_store_user u = user_of(&memory, number);
    struct ls_buffer out = { 0 };
    for (;;) {
        random = random * 1664525 + 1013904223;
        count_one(&u, (random >> 8) % COUNTERS);
        write_one(&u, (random >> 16) % TEXTS, random);
        read_one(&u, (random >> 20) % TEXTS, &out);
        if (random >> 22 == 0)
            ls_store_flush(&u, 2);
    }
}

static int start(uint32_t number, unsigned random)
{
    int pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        work(number, random);
    }
    return pid;
}

static void end(uint32_t number, int pid)
{
    int status = 0;
    kill(pid, SIGKILL);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, SIGKILL); /* else it has found a fault */
    ls_store_recover(memory.store, &memory.notes[number], number);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t counted(void)
{
    const struct ls_store_user u = user_of(&memory, PROCESSES + 1);
    struct ls_value none = integer_value(0), sum;
    uint64_t all = 0;
    char name[32];
    for (unsigned i = 0; i < COUNTERS; i++) {
        ls_store_incr(&u, 1, name_of(name, "counter", i), &none, 0, 1, &sum);
        all += (uint64_t)sum.integer;
    }
    return all;
}

static uint64_t finished(void)
{
    uint64_t all = 0;
    for (int i = 0; i < COUNTERS; i++)
        all += shared->finished[i];
    return all;
}

/* For that long, and longer where the machine is slow: until something has been done. */
static bool is_enough(uint64_t kills, int64_t ms)
{
    return (ms >= FOR && kills > KILLS && finished() > FINISHED) || ms >= AT_MOST;
}

static void deaths_at_random_times_lose_nothing(void)
{
    int pids[PROCESSES + 1];
    uint64_t kills = 0;
    memory = memory_of(SIZE);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (uint32_t i = 1; i <= PROCESSES; i++)
        pids[i] = start(i, i);
    for (int64_t from = now_ms(); !is_enough(kills, now_ms() - from); kills++) {
        uint32_t one = (uint32_t)rand() % PROCESSES + 1;
        usleep((unsigned)rand() % BETWEEN);
        end(one, pids[one]);
        pids[one] = start(one, (unsigned)rand());
    }
    for (uint32_t i = 1; i <= PROCESSES; i++, kills++)
        end(i, pids[i]);
    check_sound(&memory);
    CHECK(counted() >= finished());
    CHECK(counted() <= finished() + kills);
    CHECK(kills > KILLS);
    CHECK(finished() > FINISHED);
    if (getenv("VERBOSE"))
        fprintf(stderr, "%llu kills, %llu finished, %llu counted, %llu sets\n",
                (unsigned long long)kills, (unsigned long long)finished(),
                (unsigned long long)counted(), (unsigned long long)shared->sets);
    munmap(shared, sizeof *shared);
    memory_free(&memory);
}

static const struct unit_test tests[] = {
    { "deaths at random times lose nothing", deaths_at_random_times_lose_nothing },
};

int main(void)
{
    alarm(DEADLINE);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
