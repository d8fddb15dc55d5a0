/* The shared dictionaries: keys and values in memory that all processes of a server share.
 *
 * The memory is cut into shards, each with a lock, a hash table, a list in order of use, and blocks of one
 * size; an entry is a chain of blocks. Every change of a word of a shard goes through its undo log, and a
 * change is complete once the log is empty: whoever dies in the middle of it is rolled back by
 * ls_store_recover, so that nobody sees half an entry, and no block is lost.
 *
 * When a shard is full, entries that have expired go first, as far as they are met, and then those that
 * were used longest ago. */
#ifndef LS_EXCHANGE_STORE_H
#define LS_EXCHANGE_STORE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "exchange/lock.h"
#include "exchange/value.h"

struct ls_store; /* at the beginning of the memory; shard.h has what stands there */

enum { LS_STORE_SMALLEST = 64 << 10 }; /* bytes of a store; the largest: 64 GiB */
enum { LS_STORE_KEY = 1024 };          /* bytes of a key at most */

/* Who asks: one process. */
struct ls_store_user {
    struct ls_store *store;
    struct ls_holder *holder;
    uint32_t number; /* of the holder */
};

/* Makes a store in `size` bytes of zeroed memory, aligned to 64. `seed` is random: it keeps clients from
 * choosing keys that collide. 0, or -EINVAL when the size is out of range. */
int ls_store_init(void *memory, size_t size, const unsigned char seed[16]);

/* In all of these: `dict` is the dictionary's name (see ls_store_dict), `now` µs of ls_clock_us.
 * Results: 1 or 0 as said; -ENOENT there is no such key; -EFBIG key or value are larger than can be held:
 * LS_STORE_KEY, an eighth of a shard. */

/* The number of the dictionary of that name (1–255 bytes), from 1 on; a new name gets a new number.
 * -ENOSPC: there are 255, or the names fill half of the first shard; -EINVAL: the length. */
int ls_store_dict(const struct ls_store_user *u, struct ls_slice name);

/* Appends the bytes to `out` (value->bytes points there) and gives type and version. 1 or -ENOENT;
 * -ENOMEM. */
int ls_store_get(const struct ls_store_user *u, int dict, struct ls_slice key, uint64_t now,
                 struct ls_buffer *out, struct ls_value *value, uint64_t *version);

enum ls_store_how {
    LS_STORE_SET,     /* in any case: 1 */
    LS_STORE_ADD,     /* only if there is none: 1 or 0 */
    LS_STORE_REPLACE, /* only if there is one: 1 or 0 */
    LS_STORE_VERSION, /* only if its version is still `version` (0: there is none): 1 or 0 */
    LS_STORE_KEEP     /* the same, and it expires when it would have */
};

/* `expires`: µs of ls_clock_us; 0: never. */
int ls_store_set(const struct ls_store_user *u, int dict, struct ls_slice key,
                 const struct ls_value *value, uint64_t expires, uint64_t now,
                 enum ls_store_how how, uint64_t version);

/* Adds `by` (INTEGER or FLOAT) to a number; what is not there is 0 and gets `expires`. Integers stay integers
 * as long as both are; -ERANGE when that would overflow; -EINVAL when the value is not a number. */
int ls_store_incr(const struct ls_store_user *u, int dict, struct ls_slice key,
                  const struct ls_value *by, uint64_t expires, uint64_t now,
                  struct ls_value *result);

int ls_store_expire(const struct ls_store_user *u, int dict, struct ls_slice key, uint64_t expires,
                    uint64_t now); /* 1 or -ENOENT */
/* 1 and *expires (0: never), or -ENOENT. */
int ls_store_expiry(const struct ls_store_user *u, int dict, struct ls_slice key, uint64_t now,
                    uint64_t *expires);
int ls_store_delete(const struct ls_store_user *u, int dict, struct ls_slice key,
                    uint64_t now); /* 1, or 0: there was none */
void ls_store_flush(const struct ls_store_user *u, int dict);

/* Calls `each` for every key that begins with `prefix`, with no lock held (a shard's keys are copied first);
 * `each` ends it by returning false. 0 or -ENOMEM. */
int ls_store_keys(const struct ls_store_user *u, int dict, struct ls_slice prefix, uint64_t now,
                  bool (*each)(void *ctx, struct ls_slice key), void *ctx);

struct ls_store_usage {
    uint64_t size, used;       /* bytes: of all blocks, of those in use */
    uint64_t entries, evicted; /* evicted: since the beginning, before they had expired */
};
void ls_store_usage(const struct ls_store_user *u, struct ls_store_usage *usage);

/* By whoever reaps: the process with that note and number is dead. Undoes what it left half done. Does
 * nothing when its note names no lock of a store. `at` of its note is then 0. */
void ls_store_recover(struct ls_store *store, struct ls_holder *dead, uint32_t number);

#endif
