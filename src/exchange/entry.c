#include "exchange/entry.h"

#include <assert.h>

enum {
    FIRST =
        LS_SHARD_BLOCK - sizeof(struct ls_entry), /* bytes of key and value in the first block */
    REST = LS_SHARD_BLOCK - sizeof(uint32_t),     /* and in each behind it */
    BEHIND_NEXT = sizeof(uint32_t),
    OLDEST = 8 /* entries that are looked at for one that has expired before one is evicted */
};

static_assert(offsetof(struct ls_entry, next) == 0, "as of every block");

uint64_t ls_entry_blocks(uint64_t len)
{
    return len <= FIRST ? 1 : 1 + (len - FIRST + REST - 1) / REST;
}

static uint32_t blocks_of(const struct ls_entry *e)
{
    return (uint32_t)ls_entry_blocks((uint64_t)e->key_len + e->value_len);
}

/* A place in the bytes of an entry. */
struct place {
    const struct ls_shard *shard;
    uint32_t block;
    size_t at;
};

static struct place beginning(const struct ls_shard *s, uint32_t at)
{
    return (struct place) { s, at, sizeof(struct ls_entry) };
}

struct span {
    char *at;
    size_t len;
};

/* Moves on by as many of the next `most` bytes as lie together. Goes to another block only for a byte
 * that is there, so that after the last one it is in the last block. */
static struct span advance(struct place *p, size_t most)
{
    if (p->at == LS_SHARD_BLOCK) {
        p->block = ls_shard_next(p->shard, p->block);
        p->at = sizeof(uint32_t);
    }
    size_t left = LS_SHARD_BLOCK - p->at;
    struct span span = { (char *)ls_shard_block(p->shard, p->block) + p->at,
                         left < most ? left : most };
    p->at += span.len;
    return span;
}

static void write_bytes(struct place *p, struct ls_slice bytes)
{
    while (bytes.len > 0) {
        struct span to = advance(p, bytes.len);
        memcpy(to.at, bytes.at, to.len);
        bytes = ls_slice_from(bytes, to.len);
    }
}

static void skip_bytes(struct place *p, size_t count)
{
    while (count > 0)
        count -= advance(p, count).len;
}

static void append_bytes(struct place *p, size_t count, struct ls_buffer *out)
{
    if (ls_buffer_reserve(out, count) < 0)
        return;
    while (count > 0) {
        struct span from = advance(p, count);
        ls_buffer_append(out, from.at, from.len);
        count -= from.len;
    }
}

static bool is_key(const struct ls_shard *s, uint32_t at, struct ls_slice key)
{
    struct place p = beginning(s, at);
    while (key.len > 0) {
        struct span part = advance(&p, key.len);
        if (memcmp(part.at, key.at, part.len) != 0)
            return false;
        key = ls_slice_from(key, part.len);
    }
    return true;
}

void ls_entry_copy_key(const struct ls_shard *s, uint32_t at, struct ls_buffer *out)
{
    struct place p = beginning(s, at);
    append_bytes(&p, ls_entry_at(s, at)->key_len, out);
}

void ls_entry_copy_value(const struct ls_shard *s, uint32_t at, struct ls_buffer *out)
{
    struct place p = beginning(s, at);
    skip_bytes(&p, ls_entry_at(s, at)->key_len);
    append_bytes(&p, ls_entry_at(s, at)->value_len, out);
}

static uint32_t *bucket_of(struct ls_shard *s, uint32_t hash)
{
    return &s->buckets[hash & s->mask];
}

static uint32_t search(struct ls_shard *s, const struct ls_entry_key *key)
{
    for (uint32_t at = *bucket_of(s, key->hash); at != 0;) {
        const struct ls_entry *e = ls_entry_at(s, at);
        if (e->hash == key->hash && e->dict == key->dict && e->key_len == key->key.len &&
            is_key(s, at, key->key))
            return at;
        at = e->chained;
    }
    return 0;
}

uint32_t ls_entry_find(struct ls_shard *s, const struct ls_entry_key *key, uint64_t now)
{
    uint32_t at = search(s, key);
    if (at == 0 || !ls_entry_has_expired(ls_entry_at(s, at), now))
        return at;
    ls_entry_remove(s, at);
    ls_shard_commit(s);
    return 0;
}

static void leave_list(struct ls_shard *s, const struct ls_entry *e)
{
    ls_shard_put(s, e->newer ? &ls_entry_at(s, e->newer)->older : &s->newest, e->older);
    ls_shard_put(s, e->older ? &ls_entry_at(s, e->older)->newer : &s->oldest, e->newer);
}

/* What the entry itself says of the list has been written. */
static void join_list(struct ls_shard *s, uint32_t at)
{
    ls_shard_put(s, s->newest ? &ls_entry_at(s, s->newest)->newer : &s->oldest, at);
    ls_shard_put(s, &s->newest, at);
}

void ls_entry_touch(struct ls_shard *s, uint32_t at)
{
    struct ls_entry *e = ls_entry_at(s, at);
    if (s->newest == at)
        return;
    leave_list(s, e);
    ls_shard_put(s, &e->newer, 0);
    ls_shard_put(s, &e->older, s->newest);
    join_list(s, at);
}

void ls_entry_renew(struct ls_shard *s, struct ls_entry *e)
{
    uint64_t version = ls_wide_get(&s->version) + 1;
    ls_shard_put_wide(s, &s->version, version);
    ls_shard_put_wide(s, &e->version, version);
}

/* Into blocks that are still free: only their `next` stands for something. */
static void write_entry(struct ls_shard *s, uint32_t at, const struct ls_entry_key *key,
                        const struct ls_entry_value *value)
{
    struct ls_entry *e = ls_entry_at(s, at);
    struct place p = beginning(s, at);
    write_bytes(&p, key->key);
    write_bytes(&p, value->bytes);
    const struct ls_entry new = { .last = p.block,
                                  .hash = key->hash,
                                  .chained = *bucket_of(s, key->hash),
                                  .older = key->dict == LS_ENTRY_NAMES ? 0 : s->newest,
                                  .type = value->type,
                                  .value_len = (uint32_t)value->bytes.len,
                                  .key_len = (uint16_t)key->key.len,
                                  .dict = key->dict,
                                  .number = ls_wide_of(value->number),
                                  .expires = ls_wide_of(value->expires),
                                  .version = ls_wide_of(ls_wide_get(&s->version) + 1) };
    memcpy((char *)e + BEHIND_NEXT, (const char *)&new + BEHIND_NEXT, sizeof new - BEHIND_NEXT);
}

uint32_t ls_entry_add(struct ls_shard *s, const struct ls_entry_key *key,
                      const struct ls_entry_value *value)
{
    uint32_t at = s->free;
    write_entry(s, at, key, value);
    const struct ls_entry *e = ls_entry_at(s, at);
    ls_shard_take(s, e->last, blocks_of(e));
    ls_shard_put_wide(s, &s->version, ls_wide_get(&e->version));
    ls_shard_put(s, bucket_of(s, e->hash), at);
    if (e->dict == LS_ENTRY_NAMES)
        return at;
    join_list(s, at);
    ls_shard_put(s, &s->entries, s->entries + 1);
    return at;
}

void ls_entry_remove(struct ls_shard *s, uint32_t at)
{
    const struct ls_entry *e = ls_entry_at(s, at);
    uint32_t *link = bucket_of(s, e->hash);
    while (*link != at)
        link = &ls_entry_at(s, *link)->chained;
    ls_shard_put(s, link, e->chained);
    leave_list(s, e);
    ls_shard_put(s, &s->entries, s->entries - 1);
    ls_shard_give(s, at, e->last, blocks_of(e));
}

/* *expired: it is one that nobody misses. */
static uint32_t victim_of(const struct ls_shard *s, uint64_t now, bool *expired)
{
    uint32_t at = s->oldest;
    *expired = true;
    for (int i = 0; i < OLDEST && at != 0; i++, at = ls_entry_at(s, at)->newer)
        if (ls_entry_has_expired(ls_entry_at(s, at), now))
            return at;
    *expired = false;
    return s->oldest;
}

bool ls_entry_make_room(struct ls_shard *s, uint64_t blocks, uint64_t now)
{
    while (s->unused < blocks) {
        bool expired;
        uint32_t at = victim_of(s, now, &expired);
        if (at == 0)
            return false;
        ls_entry_remove(s, at);
        if (!expired)
            ls_shard_put_wide(s, &s->evicted, ls_wide_get(&s->evicted) + 1);
        ls_shard_commit(s);
    }
    return true;
}
