/* The entries of a shard: chains of blocks, found by a hash table, listed in order of use.
 *
 * All of these are called with the shard's lock held. Entries go by the number of their first block; 0 is
 * none. Unless it says otherwise a function leaves its change open, for the caller to commit. */
#ifndef LS_EXCHANGE_ENTRY_H
#define LS_EXCHANGE_ENTRY_H

#include "base/buffer.h"
#include "exchange/shard.h"

enum {
    LS_ENTRY_NAMES = 0
}; /* the dictionary of the dictionaries' names: in no list, never evicted */

struct
    ls_entry { /* at the beginning of the first block; behind it the key, then the value's bytes */
    uint32_t next; /* block: as of every block */
    uint32_t last; /* block */
    uint32_t hash;
    uint32_t chained; /* the next entry of the bucket */
    uint32_t newer, older;
    uint32_t type; /* enum ls_value_type */
    uint32_t value_len;
    uint16_t key_len;
    uint8_t dict, spare;
    struct ls_wide number;  /* the bits of the value, when it is one */
    struct ls_wide expires; /* 0: never */
    struct ls_wide version;
};

struct ls_entry_key {
    uint32_t hash;
    uint8_t dict;
    struct ls_slice key;
};

struct ls_entry_value {
    uint32_t type;
    uint64_t number, expires;
    struct ls_slice bytes;
};

static inline struct ls_entry *ls_entry_at(const struct ls_shard *s, uint32_t at)
{
    return ls_shard_block(s, at);
}

static inline bool ls_entry_has_expired(const struct ls_entry *e, uint64_t now)
{
    uint64_t expires = ls_wide_get(&e->expires);
    return expires != 0 && expires <= now;
}

/* Blocks that `len` bytes of key and value take. */
uint64_t ls_entry_blocks(uint64_t len);

/* One that has expired is removed, which is a change of its own, and not found. */
uint32_t ls_entry_find(struct ls_shard *s, const struct ls_entry_key *key, uint64_t now);

void ls_entry_touch(struct ls_shard *s, uint32_t at); /* it is in use: the newest now */

/* Removes until that many blocks are free: what has expired among the few oldest, else the oldest. Each
 * is a change of its own. False: all are removed and it is not enough. */
bool ls_entry_make_room(struct ls_shard *s, uint64_t blocks, uint64_t now);

/* There must be room. A new version is given. */
uint32_t ls_entry_add(struct ls_shard *s, const struct ls_entry_key *key,
                      const struct ls_entry_value *value);
void ls_entry_remove(struct ls_shard *s, uint32_t at);

void ls_entry_renew(struct ls_shard *s, struct ls_entry *e); /* gives it a new version */

/* Append to `out`, which remembers when there is no memory. */
void ls_entry_copy_key(const struct ls_shard *s, uint32_t at, struct ls_buffer *out);
void ls_entry_copy_value(const struct ls_shard *s, uint32_t at, struct ls_buffer *out);

#endif
