/* Counters in shared memory: what is counted is found again, once, at whatever instruction a process dies. */
#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "exchange/metrics.h"
#include "http/method.h"
#include "stepping.h"

enum { HOLDERS = 16, DEAD = 3, LIVING = 4, PROCESSES = 4, LOAD = 20000 };

struct world { /* all that is shared, in one piece: it can be copied */
    struct ls_metrics metrics;
    uint64_t counted[HOLDERS];
    struct ls_holder holders[HOLDERS];
};

static struct world *world, *copy, *last;
static struct ls_metrics_count *counts;

static struct world *new_world(void)
{
    struct world *w =
        mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(w != MAP_FAILED);
    ls_metrics_init(&w->metrics, sizeof *w, 1);
    return w;
}

static void free_world(struct world *w)
{
    munmap(w, sizeof *w);
}

static void add(struct world *w, uint32_t number, struct ls_measure what)
{
    const struct ls_metrics_user user = { &w->metrics, number ? &w->holders[number] : NULL,
                                          number };
    ls_metrics_add(&user, &what, &w->counted[number]);
}

static const struct ls_metrics_count *read_counts(struct world *w)
{
    const struct ls_metrics_user user = { &w->metrics, &w->holders[LIVING], LIVING };
    ls_metrics_read(&user, counts);
    return counts;
}

/* Of all series together. */
static struct ls_metrics_count sum_of(struct world *w)
{
    struct ls_metrics_count sum = { .us = 0 };
    read_counts(w);
    for (int i = 0; i < LS_METRICS_SERIES; i++) {
        for (int n = 0; n < LS_METRICS_BUCKETS; n++)
            sum.buckets[0] += counts[i].buckets[n];
        sum.us += counts[i].us;
        sum.bytes += counts[i].bytes;
        sum.cut += counts[i].cut;
    }
    return sum;
}

static void counts_in_series(void)
{
    struct ls_measure what;
    world = new_world();
    for (uint32_t number = 0; number < HOLDERS; number++)
        for (uint16_t status = 200; status < 210; status++)
            add(world, number, (struct ls_measure) { 1, status, LS_GET, false, 700, 3 });
    add(world, 1, (struct ls_measure) { 1, 200, LS_GET, true, 5, 2 });
    read_counts(world);
    int series = 0;
    for (uint32_t i = 0; i < LS_METRICS_SERIES; i++) {
        if (!ls_metrics_series(&world->metrics, i, &what))
            continue;
        series++;
        CHECK_INT(what.route, 1);
        CHECK_INT(what.method, LS_GET);
        CHECK_INT(counts[i].buckets[1], HOLDERS); /* over 0.5 ms, up to 1 ms */
        CHECK_INT(counts[i].us, 700 * HOLDERS);
        CHECK_INT(counts[i].bytes, 3 * HOLDERS + (what.status == 200 ? 2 : 0));
        CHECK_INT(counts[i].cut, what.status == 200);
    }
    CHECK_INT(series, 10);
    CHECK_INT(world->counted[1], 11);
    free_world(world);
}

static void has_buckets_with_their_bounds(void)
{
    struct ls_measure what;
    world = new_world();
    for (int i = 0; i < LS_METRICS_BUCKETS - 1; i++) {
        add(world, 1, (struct ls_measure) { .us = ls_metrics_bounds[i] });
        add(world, 1, (struct ls_measure) { .us = ls_metrics_bounds[i] + 1 });
    }
    read_counts(world);
    for (uint32_t i = 0; i < LS_METRICS_SERIES; i++)
        for (int n = 0; ls_metrics_series(&world->metrics, i, &what) && n < LS_METRICS_BUCKETS; n++)
            CHECK_INT(counts[i].buckets[n], n == 0 || n == LS_METRICS_BUCKETS - 1 ? 1 : 2);
    free_world(world);
}

static void has_room_for_so_many_series(void)
{
    world = new_world();
    for (uint16_t route = 0; route < 20; route++)
        for (uint16_t status = 100; status < 600; status++)
            add(world, 1, (struct ls_measure) { .route = route, .status = status });
    CHECK_INT(sum_of(world).buckets[0], 20 * 500);
    CHECK(world->metrics.used <= LS_METRICS_SERIES);
    free_world(world);
}

static void knows_routes_by_their_text(void)
{
    char text[16];
    world = new_world();
    struct ls_metrics *m = &world->metrics;
    uint16_t first = ls_metrics_route(m, NULL, "/a");
    CHECK_INT(first, 1);
    CHECK_INT(ls_metrics_route(m, "h", "/a"), 2);
    CHECK_INT(ls_metrics_route(m, NULL, "/a"), first);
    CHECK_TEXT(ls_slice_of(m->patterns[2]), "h/a");
    CHECK_TEXT(ls_slice_of(m->patterns[0]), "");
    CHECK_TEXT(ls_slice_of(m->patterns[ls_metrics_route(m, NULL, "/\xff\xc3\xa9")]), "/???");
    CHECK_TEXT(ls_slice_of(m->patterns[ls_metrics_route(m, NULL, "/\xc3\xa9")]), "/\xc3\xa9");
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "/%d", i);
        CHECK(ls_metrics_route(m, NULL, text) <= LS_METRICS_OTHER);
    }
    CHECK_INT(ls_metrics_route(m, NULL, "/one more"), LS_METRICS_OTHER);
    CHECK_TEXT(ls_slice_of(m->patterns[LS_METRICS_OTHER]), "other");
    CHECK_INT(ls_metrics_route(m, NULL, "/a"), first);
    free_world(world);
}

/* ---- death ---- */

static const struct ls_measure one = { 1, 200, LS_GET, false, 700, 3 };

static void add_one(void *ctx)
{
    (void)ctx;
    add(world, DEAD, one);
}

/* All of it or nothing, and others can go on. False: that does not hold. */
static bool examine(int step)
{
    memcpy((void *)copy, world, sizeof *copy);
    ls_metrics_recover(&copy->metrics, &copy->holders[DEAD], DEAD);
    uint64_t done = copy->counted[DEAD] - 1;
    struct ls_metrics_count sum = sum_of(copy);
    bool holds = done <= 1 && sum.buckets[0] == 1 + done && sum.us == 700 * (1 + done) &&
                 sum.bytes == 3 * (1 + done) && copy->holders[DEAD].at == 0;
    add(copy, DEAD + LS_METRICS_SHARDS, one); /* the same shard */
    holds = holds && sum_of(copy).buckets[0] == 2 + done;
    if (!holds)
        fprintf(stderr, "after %d instructions\n", step);
    CHECK(holds);
    return holds;
}

static void step_through(void)
{
    int step = 0;
    int pid = step_begin(add_one, NULL);
    do {
        bool same = step > 0 && memcmp(last, world, sizeof *last) == 0;
        if (!same && !examine(step))
            break;
        memcpy((void *)last, world, sizeof *last);
        step++;
    } while (step_on(pid));
    step_kill(pid);
    CHECK(step > 50);
    CHECK_INT(world->counted[DEAD], 2);
}

static void is_old_or_new_at_every_instruction(void)
{
    if (!step_is_permitted())
        return;
    world = new_world();
    copy = new_world();
    last = new_world();
    add(world, DEAD, one);
    step_through();
    free_world(world);
    free_world(copy);
    free_world(last);
}

static void ignores_what_the_dead_have_made_of_it(void)
{
    world = new_world();
    struct ls_metrics_shard *s = &world->metrics.shards[DEAD];
    atomic_store(&s->lock.word, DEAD);
    atomic_store(&world->holders[DEAD].at, (uint64_t)LS_METRICS_NAME << 32 | DEAD);
    memset(s->log, 0xff, sizeof s->log);
    s->logged = UINT32_MAX;
    ls_metrics_recover(&world->metrics, &world->holders[DEAD], DEAD);
    add(world, DEAD, one);
    CHECK_INT(sum_of(world).buckets[0], 1);
    atomic_store(&world->holders[DEAD].at, (uint64_t)LS_METRICS_NAME << 32 | 1000);
    ls_metrics_recover(&world->metrics, &world->holders[DEAD], DEAD);
    free_world(world);
}

static void cuts_routes_between_two_characters(void)
{
    char text[LS_METRICS_PATTERN + 8];
    world = new_world();
    struct ls_metrics *m = &world->metrics;
    for (size_t before = 1; before <= 4; before++) { /* bytes of the emoji that there is room for */
        size_t len = LS_METRICS_PATTERN - 1 - before;
        memset(text, 'a', len);
        memcpy(text + len, "\xf0\x9f\x8c\x99z", sizeof "\xf0\x9f\x8c\x99z");
        uint16_t route = ls_metrics_route(m, NULL, text);
        text[before < 4 ? len : len + 4] = '\0';
        CHECK_TEXT(ls_slice_of(m->patterns[route]), text);
    }
    free_world(world);
}

static void loses_nothing_under_load(void)
{
    int pids[PROCESSES], status;
    world = new_world();
    for (uint32_t i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        for (int n = 0; pids[i] == 0 && n < LOAD; n++) /* two to a shard */
            add(world, i * LS_METRICS_SHARDS % HOLDERS + (i < 2 ? 1 : 2), one);
        if (pids[i] == 0)
            _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++)
        CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
    CHECK_INT(sum_of(world).buckets[0], PROCESSES * LOAD);
    free_world(world);
}

int main(void)
{
    static const struct unit_test tests[] = {
        { "what is counted stands in its series, whoever counts", counts_in_series },
        { "a bucket has what is as long as its bound", has_buckets_with_their_bounds },
        { "what has no series of its own is counted as another", has_room_for_so_many_series },
        { "a route keeps its number, and there are so many", knows_routes_by_their_text },
        { "a route that is cut is cut between two characters", cuts_routes_between_two_characters },
        { "a process that dies has counted all or nothing", is_old_or_new_at_every_instruction },
        { "a log that makes no sense is not followed", ignores_what_the_dead_have_made_of_it },
        { "several processes in one shard lose nothing", loses_nothing_under_load },
    };
    counts = calloc(LS_METRICS_SERIES, sizeof *counts);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
