/* A store in shared memory, and what must hold in it at any time that nobody holds a lock. */
#ifndef STORES_H
#define STORES_H

#include <stdlib.h>
#include <sys/mman.h>

#include "exchange/entry.h"
#include "exchange/store.h"
#include "unit.h"

enum { HOLDERS = 16, SECONDS = 1000 * 1000 /* µs */ };

static const unsigned char seed[16] = "0123456789abcde";

/* The notes stand behind the store, so that a copy of all of it has both. */
struct memory {
    struct ls_store *store;
    struct ls_holder *notes;
    size_t size; /* of all */
};

static inline struct memory memory_of(size_t size)
{
    size_t all = size + HOLDERS * sizeof(struct ls_holder);
    char *at = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    CHECK_INT(ls_store_init(at, size, seed), 0);
    return (struct memory) { (void *)at, (void *)(at + size), all };
}

static inline void memory_free(struct memory *m)
{
    munmap(m->store, m->size);
    *m = (struct memory) { 0 };
}

static inline void memory_copy(const struct memory *to, const struct memory *from)
{
    memcpy((void *)to->store, from->store, from->size);
}

static inline struct ls_store_user user_of(const struct memory *m, uint32_t number)
{
    return (struct ls_store_user) { m->store, &m->notes[number], number };
}

/* Counts a block once; false: it is none, or was counted before. */
static inline bool count_block(const struct ls_shard *s, unsigned char *seen, uint32_t at)
{
    if (at == 0 || at > s->blocks || seen[at])
        return false;
    seen[at] = 1;
    return true;
}

static inline bool count_chain(const struct ls_shard *s, unsigned char *seen, uint32_t at,
                               uint64_t blocks, uint32_t *last)
{
    for (uint64_t i = 0; i < blocks; i++, at = ls_shard_next(s, at)) {
        if (!count_block(s, seen, at))
            return false;
        *last = at;
    }
    return true;
}

static inline const char *fault_of_buckets(const struct ls_shard *s, unsigned char *seen,
                                           uint32_t *blocks, uint32_t *listed, uint32_t *names)
{
    for (uint32_t i = 0; i <= s->mask; i++)
        for (uint32_t at = s->buckets[i], last = 0; at != 0; at = ls_entry_at(s, at)->chained) {
            if (at > s->blocks || seen[at])
                return "a bucket's chain leads astray";
            const struct ls_entry *e = ls_entry_at(s, at);
            uint64_t count = ls_entry_blocks((uint64_t)e->key_len + e->value_len);
            if (!count_chain(s, seen, at, count, &last) || last != e->last)
                return "an entry's blocks";
            if ((e->hash & s->mask) != i)
                return "an entry in another one's bucket";
            if (ls_wide_get(&e->version) > ls_wide_get(&s->version))
                return "a version that was not given yet";
            *blocks += (uint32_t)count;
            *(e->dict == LS_ENTRY_NAMES ? names : listed) += 1;
        }
    return NULL;
}

static inline const char *fault_of_list(const struct ls_shard *s, uint32_t listed)
{
    uint32_t newer = 0, count = 0;
    for (uint32_t at = s->newest; at != 0; newer = at, at = ls_entry_at(s, at)->older) {
        if (at > s->blocks || ++count > listed)
            return "the list leads astray";
        if (ls_entry_at(s, at)->newer != newer || ls_entry_at(s, at)->dict == LS_ENTRY_NAMES)
            return "the list's entries";
    }
    if (s->oldest != newer || count != listed || s->entries != listed)
        return "the list's end or length";
    return NULL;
}

/* NULL: all holds. */
static inline const char *fault_of_shard(const struct ls_shard *s)
{
    uint32_t blocks = 0, listed = 0, names = 0, last;
    unsigned char *seen = calloc(s->blocks + 1, 1);
    const char *fault = fault_of_buckets(s, seen, &blocks, &listed, &names);
    if (!fault && !count_chain(s, seen, s->free, s->unused, &last))
        fault = "the free blocks";
    free(seen);
    if (fault)
        return fault;
    if (blocks + s->unused != s->blocks)
        return "a block is lost";
    if (names != s->dicts)
        return "names of dictionaries";
    if (s->lock.word != 0 || s->logged != 0)
        return "the lock is held, or a change is open";
    return fault_of_list(s, listed);
}

static inline const char *fault_of(const struct memory *m)
{
    for (uint32_t i = 0; i < m->store->shards; i++) {
        const char *fault = fault_of_shard(ls_shard_of(m->store, i));
        if (fault)
            return fault;
    }
    for (int i = 0; i < HOLDERS; i++)
        if (m->notes[i].at != 0)
            return "a note says something";
    return NULL;
}

static inline void check_sound(const struct memory *m)
{
    const char *fault = fault_of(m);
    if (fault)
        fprintf(stderr, "unsound: %s\n", fault);
    CHECK(!fault);
}

static inline struct ls_value text_value(struct ls_slice bytes)
{
    return (struct ls_value) { .type = LS_VALUE_STRING, .bytes = bytes };
}

static inline struct ls_value integer_value(int64_t integer)
{
    return (struct ls_value) { .type = LS_VALUE_INTEGER, .integer = integer };
}

static inline struct ls_value float_value(double number)
{
    return (struct ls_value) { .type = LS_VALUE_FLOAT, .number = number };
}

/* `len` bytes that tell their place and whose they are. */
static inline struct ls_slice pattern(char *into, size_t len, unsigned whose)
{
    for (size_t i = 0; i < len; i++)
        into[i] = (char)(i * 7 + i / 128 + whose * 31);
    return (struct ls_slice) { into, len };
}

#endif
