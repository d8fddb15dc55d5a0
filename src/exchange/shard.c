#include "exchange/shard.h"

#include <assert.h>

static_assert(sizeof(struct ls_store) == LS_SHARD_BLOCK, "shards begin on a cache line");

/* Keeps the compiler from moving stores across it; the machine does not. */
static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

void ls_shard_init(struct ls_shard *s, size_t size)
{
    size_t buckets = 1, most = (size - sizeof *s) / LS_SHARD_BLOCK;
    while (buckets * 2 <=
           most) /* an entry has a block at least, so they are two a bucket at most */
        buckets *= 2;
    size_t head = sizeof *s + buckets * sizeof *s->buckets;
    s->blocks_at = (uint32_t)((head + LS_SHARD_BLOCK - 1) & ~(size_t)(LS_SHARD_BLOCK - 1));
    s->blocks = (uint32_t)((size - s->blocks_at) / LS_SHARD_BLOCK);
    s->words = (uint32_t)(size / sizeof(uint32_t));
    s->mask = (uint32_t)buckets - 1;
    s->free = 1;
    s->unused = s->blocks;
}

void ls_shard_put(struct ls_shard *s, uint32_t *word, uint32_t value)
{
    if (*word == value)
        return;
    assert(s->logged < LS_SHARD_LOG);
    s->log[s->logged] = (struct ls_undo) { (uint32_t)(word - (uint32_t *)s), *word };
    in_order();
    s->logged++;
    in_order();
    *word = value;
    in_order();
}

void ls_shard_put_wide(struct ls_shard *s, struct ls_wide *wide, uint64_t value)
{
    struct ls_wide new = ls_wide_of(value);
    ls_shard_put(s, &wide->low, new.low);
    ls_shard_put(s, &wide->high, new.high);
}

void ls_shard_commit(struct ls_shard *s)
{
    in_order(); /* with what was written without the log */
    s->logged = 0;
    in_order();
}

/* The process that died may have written anywhere, and the one that mends must not follow it. */
void ls_shard_undo(struct ls_shard *s)
{
    uint32_t left = s->logged <= LS_SHARD_LOG ? s->logged : LS_SHARD_LOG;
    while (left-- > 0)
        if (s->log[left].where < s->words)
            ((uint32_t *)s)[s->log[left].where] = s->log[left].old;
    ls_shard_commit(s);
}

void ls_shard_take(struct ls_shard *s, uint32_t last, uint32_t count)
{
    ls_shard_put(s, &s->free, ls_shard_next(s, last));
    ls_shard_put(s, &s->unused, s->unused - count);
}

void ls_shard_give(struct ls_shard *s, uint32_t first, uint32_t last, uint32_t count)
{
    ls_shard_put(s, ls_shard_block(s, last), s->free - last - 1);
    ls_shard_put(s, &s->free, first);
    ls_shard_put(s, &s->unused, s->unused + count);
}
