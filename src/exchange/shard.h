/* A shard of a store: blocks of one size in memory that processes share, and a log that undoes.
 *
 * Whoever holds the shard's lock changes it a word at a time, with ls_shard_put, which first writes to the
 * log what stood there. A change is complete when ls_shard_commit has emptied the log; if its maker dies
 * before, ls_shard_undo puts back what stood there before it. The order of the stores is all that this needs:
 * it is the processes that die, not the machine, and x86-64 shows the stores of one in their order.
 *
 * What is written into blocks that nothing refers to yet needs no log; only their `next` does. */
#ifndef LS_EXCHANGE_SHARD_H
#define LS_EXCHANGE_SHARD_H

#include <stddef.h>

#include "exchange/lock.h"

enum {
    LS_SHARD_MOST = 16,           /* shards of a store at most */
    LS_SHARD_SMALLEST = 64 << 10, /* bytes; that many more make another one */
    LS_SHARD_BLOCK = 128,         /* bytes of a block, of which 4 say where its chain goes on */
    LS_SHARD_LOG = 32             /* words of one change at most: a swap of entries has under 20 */
};

struct ls_wide { /* 64 bits in words that the log can hold */
    uint32_t low, high;
};

struct ls_undo {
    uint32_t where, old; /* which word of the shard, and what stood there */
};

struct ls_shard {
    struct ls_lock lock;
    uint32_t logged; /* words of the change at hand; 0: there is none */
    struct ls_undo log[LS_SHARD_LOG];
    uint32_t words;          /* of the shard, 4 bytes each */
    uint32_t blocks;         /* they are numbered from 1; 0 is none */
    uint32_t blocks_at;      /* bytes from the shard's beginning to its first block */
    uint32_t mask;           /* buckets less one: a power of two less one */
    uint32_t free, unused;   /* the chain of free blocks: its first, and how many */
    uint32_t newest, oldest; /* entries in order of use */
    uint32_t entries;        /* of that list */
    uint32_t dicts, pinned;  /* names of dictionaries, and the blocks that they take */
    struct ls_wide version;  /* the last one given; they are not used twice */
    struct ls_wide evicted;
    uint32_t buckets[]; /* the first entry of each */
};

struct ls_store { /* the shards stand behind it */
    unsigned char seed[16];
    uint64_t shard_size; /* bytes */
    uint32_t shards;
    unsigned char unused[100];
};

static inline struct ls_shard *ls_shard_of(const struct ls_store *store, uint32_t which)
{
    return (struct ls_shard *)((char *)(store + 1) + which * store->shard_size);
}

/* In zeroed memory. Does not touch the blocks: what is never used never takes memory. */
void ls_shard_init(struct ls_shard *s, size_t size);

static inline void *ls_shard_block(const struct ls_shard *s, uint32_t at)
{
    return (char *)s + s->blocks_at + (size_t)(at - 1) * LS_SHARD_BLOCK;
}

/* A block's first word counts from the block behind it, so that zeroed memory is one chain. The last block
 * of a chain leads anywhere: who has a chain knows its last block or its length. */
static inline uint32_t ls_shard_next(const struct ls_shard *s, uint32_t at)
{
    return at + 1 + *(const uint32_t *)ls_shard_block(s, at);
}

static inline uint64_t ls_wide_get(const struct ls_wide *wide)
{
    return (uint64_t)wide->high << 32 | wide->low;
}

static inline struct ls_wide ls_wide_of(uint64_t value)
{
    return (struct ls_wide) { (uint32_t)value, (uint32_t)(value >> 32) };
}

void ls_shard_put(struct ls_shard *s, uint32_t *word, uint32_t value);
void ls_shard_put_wide(struct ls_shard *s, struct ls_wide *wide, uint64_t value);
void ls_shard_commit(struct ls_shard *s);

/* Takes back the change at hand, if there is one. May itself be cut off and begun again. */
void ls_shard_undo(struct ls_shard *s);

/* Takes the first `count` free blocks, of which `last` is the last, off the chain; and puts a chain back. */
void ls_shard_take(struct ls_shard *s, uint32_t last, uint32_t count);
void ls_shard_give(struct ls_shard *s, uint32_t first, uint32_t last, uint32_t count);

#endif
