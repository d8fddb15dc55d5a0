#include "exchange/metrics.h"

#include <stdio.h>

#include "http/chars.h"
#include "http/method.h"

enum {
    TRIES = 1000
}; /* at a glance at what the supervisor writes, before one that may be torn is taken */

const uint32_t ls_metrics_bounds[LS_METRICS_BUCKETS - 1] = { 500,     1000,    2500,    5000,
                                                             10000,   25000,   50000,   100000,
                                                             250000,  500000,  1000000, 2500000,
                                                             5000000, 10000000 };

void ls_metrics_init(struct ls_metrics *m, size_t size, int64_t now)
{
    m->started = now;
    m->words = size / sizeof(uint64_t);
    snprintf(m->patterns[LS_METRICS_OTHER], LS_METRICS_PATTERN, "other");
    atomic_store(&m->routes, 1); /* 0: none */
}

/* ---- routes and series ---- */

/* A label's value is UTF-8. What is cut is cut between two characters. */
static void make_text(char text[LS_METRICS_PATTERN], const char *host, const char *pattern)
{
    int whole = snprintf(text, LS_METRICS_PATTERN, "%s%s", host ? host : "", pattern);
    size_t len = strlen(text), at_least = whole > (int)len && len > 3 ? len - 3 : len;
    while (len > at_least && !ls_chars_utf8((struct ls_slice) { text, len }))
        text[--len] = '\0';
    if (ls_chars_utf8((struct ls_slice) { text, len }))
        return;
    for (size_t i = 0; i < len; i++)
        text[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
}

uint16_t ls_metrics_route(struct ls_metrics *m, const char *host, const char *pattern)
{
    char text[LS_METRICS_PATTERN];
    uint32_t count = atomic_load(&m->routes);
    make_text(text, host, pattern);
    for (uint32_t i = 1; i < count; i++)
        if (strcmp(m->patterns[i], text) == 0)
            return (uint16_t)i;
    if (count >= LS_METRICS_OTHER)
        return LS_METRICS_OTHER;
    memcpy(m->patterns[count], text, sizeof text);
    atomic_store(&m->routes, count + 1);
    return (uint16_t)count;
}

static uint32_t key_of(uint16_t route, uint8_t method, uint16_t status)
{
    uint32_t known = method < LS_METHODS ? method : LS_METHOD_OTHER;
    return 1u << 31 | (uint32_t)(route % LS_METRICS_ROUTES) << 16 | known << 12 | (status & 0xfff);
}

bool ls_metrics_series(const struct ls_metrics *m, uint32_t index, struct ls_measure *what)
{
    uint32_t key = atomic_load(&m->series[index]);
    *what = (struct ls_measure) { .route = (key >> 16) % LS_METRICS_ROUTES,
                                  .method = (key >> 12) & 15,
                                  .status = key & 0xfff };
    return key != 0;
}

/* The place of that series, which becomes its own if `grows`; LS_METRICS_SERIES: it has none. */
static uint32_t place_of(struct ls_metrics *m, uint32_t key, bool grows)
{
    uint32_t at = key * 2654435761u >> 22; /* Fibonacci hashing; there are 1024 */
    for (uint32_t i = 0; i < LS_METRICS_SERIES; i++, at = (at + 1) % LS_METRICS_SERIES) {
        uint32_t there = atomic_load_explicit(&m->series[at], memory_order_relaxed);
        if (there == 0 && grows && atomic_compare_exchange_strong(&m->series[at], &there, key)) {
            atomic_fetch_add(&m->used, 1);
            return at;
        }
        if (there == key)
            return at;
        if (there == 0)
            return LS_METRICS_SERIES;
    }
    return LS_METRICS_SERIES;
}

_Static_assert(LS_METRICS_SERIES == 1 << 10, "the hash has ten bits");

/* What has no place any more counts as the route "other"; and should even that have none, as the first
 * series that comes. */
static uint32_t find_place(struct ls_metrics *m, const struct ls_measure *what)
{
    bool grows = atomic_load_explicit(&m->used, memory_order_relaxed) < LS_METRICS_SERIES / 4 * 3;
    uint32_t at = place_of(m, key_of(what->route, what->method, what->status), grows);
    if (at == LS_METRICS_SERIES)
        at = place_of(m, key_of(LS_METRICS_OTHER, LS_METHOD_OTHER, what->status), true);
    return at % LS_METRICS_SERIES;
}

/* ---- counting ---- */

/* Keeps the compiler from moving stores across it; the machine does not. */
static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static void add_to(struct ls_metrics *m, struct ls_metrics_shard *s, uint64_t *word, uint64_t more)
{
    s->log[s->logged] = (struct ls_metrics_undo) { (uint64_t)(word - (uint64_t *)m), *word };
    in_order();
    s->logged++;
    in_order();
    *word += more;
    in_order();
}

static uint32_t bucket_of(uint64_t us)
{
    uint32_t i = 0;
    while (i < LS_METRICS_BUCKETS - 1 && us > ls_metrics_bounds[i])
        i++;
    return i;
}

static void add_all(struct ls_metrics *m, struct ls_metrics_shard *s, const struct ls_measure *what,
                    uint64_t *counted)
{
    struct ls_metrics_count *c = &s->counts[find_place(m, what)];
    s->logged = 0; /* whatever somebody may have written there */
    if (what->cut) {
        add_to(m, s, &c->cut, 1);
    } else {
        add_to(m, s, &c->buckets[bucket_of(what->us)], 1);
        add_to(m, s, &c->us, what->us);
    }
    add_to(m, s, &c->bytes, what->bytes);
    add_to(m, s, counted, 1);
    s->logged = 0;
    in_order();
}

/* Nobody else writes there; whoever reads sees by the lock's word that it has been a bad moment. */
static void add_as_supervisor(struct ls_metrics *m, const struct ls_measure *what,
                              uint64_t *counted)
{
    struct ls_metrics_shard *s = &m->shards[LS_METRICS_SHARDS];
    atomic_fetch_add(&s->lock.word, 1);
    add_all(m, s, what, counted);
    atomic_fetch_add(&s->lock.word, 1);
}

static uint64_t name_of(uint32_t shard)
{
    return (uint64_t)LS_METRICS_NAME << 32 | shard;
}

void ls_metrics_add(const struct ls_metrics_user *u, const struct ls_measure *what,
                    uint64_t *counted)
{
    struct ls_metrics *m = u->metrics;
    uint32_t shard = u->number % LS_METRICS_SHARDS;
    if (!m) {
        ++*counted;
    } else if (!u->holder) {
        add_as_supervisor(m, what, counted);
    } else {
        ls_lock_take(&m->shards[shard].lock, u->holder, u->number, name_of(shard));
        add_all(m, &m->shards[shard], what, counted);
        ls_lock_give(&m->shards[shard].lock, u->holder, u->number);
    }
}

/* ---- mending ---- */

/* The process that died may have written anywhere, and the one that mends must not follow it. May itself be
 * cut off and begun again. */
static void undo(struct ls_metrics *m, struct ls_metrics_shard *s)
{
    uint32_t left = s->logged <= LS_METRICS_LOG ? s->logged : LS_METRICS_LOG;
    while (left-- > 0)
        if (s->log[left].where < m->words)
            ((uint64_t *)m)[s->log[left].where] = s->log[left].old;
    in_order();
    s->logged = 0;
    in_order();
}

void ls_metrics_recover(struct ls_metrics *m, struct ls_holder *dead, uint32_t number)
{
    uint64_t at = atomic_load(&dead->at), shard = at & UINT32_MAX;
    if (at >> 32 != LS_METRICS_NAME || shard >= LS_METRICS_SHARDS)
        return;
    struct ls_metrics_shard *s = &m->shards[shard];
    if (ls_lock_was_held(&s->lock, number))
        undo(m, s);
    ls_lock_release(&s->lock, dead, number);
}

/* ---- reading ---- */

static void add_counts(const struct ls_metrics *m, const struct ls_metrics_shard *s,
                       struct ls_metrics_count *counts)
{
    for (uint32_t i = 0; i < LS_METRICS_SERIES; i++) {
        const uint64_t *from = (const uint64_t *)&s->counts[i];
        uint64_t *to = (uint64_t *)&counts[i];
        if (atomic_load(&m->series[i]) == 0) /* a page that nobody has touched stays none */
            continue;
        for (size_t n = 0; n < sizeof *counts / sizeof *to; n++)
            to[n] += from[n];
    }
}

static void copy_supervisors(const struct ls_metrics *m, struct ls_metrics_count *counts)
{
    const struct ls_metrics_shard *s = &m->shards[LS_METRICS_SHARDS];
    uint32_t before, after;
    int tries = 0;
    do {
        memset(counts, 0, LS_METRICS_SERIES * sizeof *counts);
        before = atomic_load(&s->lock.word);
        add_counts(m, s, counts);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load(&s->lock.word);
    } while ((before != after || before % 2 != 0) && ++tries < TRIES);
}

void ls_metrics_read(const struct ls_metrics_user *u, struct ls_metrics_count *counts)
{
    struct ls_metrics *m = u->metrics;
    copy_supervisors(m, counts); /* first, as it may be done again */
    for (uint32_t i = 0; i < LS_METRICS_SHARDS; i++) {
        ls_lock_take(&m->shards[i].lock, u->holder, u->number, name_of(i));
        add_counts(m, &m->shards[i], counts);
        ls_lock_give(&m->shards[i].lock, u->holder, u->number);
    }
}
