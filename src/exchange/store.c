#include "exchange/store.h"

#include <errno.h>

#include "base/siphash.h"
#include "exchange/entry.h"

enum {
    DICTS = 255,
    NAME = 255,  /* bytes of a dictionary's name at most */
    LARGEST = 8, /* an entry takes at most that part of a shard's blocks */
    PINNED = 2 /* the names of the dictionaries at most this part of the first one's: then there is
                        always room for an entry and the one that it replaces, without the names */
};

static const uint64_t MOST = (uint64_t)64 << 30;

int ls_store_init(void *memory, size_t size, const unsigned char seed[16])
{
    struct ls_store *store = memory;
    if (size < LS_STORE_SMALLEST || size > MOST)
        return -EINVAL;
    size_t shards = size / LS_SHARD_SMALLEST;
    if (shards > LS_SHARD_MOST)
        shards = LS_SHARD_MOST;
    size_t each = (size - sizeof *store) / shards;
    memcpy(store->seed, seed, sizeof store->seed);
    store->shards = (uint32_t)shards;
    store->shard_size = each - each % LS_SHARD_BLOCK;
    for (uint32_t i = 0; i < store->shards; i++)
        ls_shard_init(ls_shard_of(store, i), store->shard_size);
    return 0;
}

/* A process at an entry: which, and the lock of its shard. */
struct visit {
    const struct ls_store_user *user;
    struct ls_shard *shard;
    uint32_t which;
    struct ls_entry_key key;
};

static uint32_t name_of(uint32_t which)
{
    return which + 1; /* in the holder's note, where 0 is none */
}

static void enter_shard(struct visit *v, uint32_t which)
{
    v->which = which;
    v->shard = ls_shard_of(v->user->store, which);
    ls_lock_take(&v->shard->lock, v->user->holder, v->user->number, name_of(which));
}

static int leave(struct visit *v, int result)
{
    ls_lock_give(&v->shard->lock, v->user->holder, v->user->number);
    return result;
}

/* The names of the dictionaries all stand in the first shard, which counts them. */
static struct visit enter(const struct ls_store_user *u, int dict, struct ls_slice key)
{
    struct visit v = { .user = u, .key = { .dict = (uint8_t)dict, .key = key } };
    uint64_t hash = ls_siphash(u->store->seed, key);
    hash ^= (uint64_t)dict * 0x9e3779b97f4a7c15; /* one key in many dictionaries: as many buckets */
    v.key.hash = (uint32_t)hash;
    enter_shard(&v, dict == LS_ENTRY_NAMES ? 0 : (uint32_t)((hash >> 32) % u->store->shards));
    return v;
}

static bool fits(const struct ls_shard *s, struct ls_slice key, uint64_t value_len)
{
    return key.len <= LS_STORE_KEY && value_len <= s->words * (uint64_t)sizeof(uint32_t) &&
           ls_entry_blocks(key.len + value_len) <= s->blocks / LARGEST;
}

static bool has_bytes(uint32_t type)
{
    return type == LS_VALUE_STRING || type == LS_VALUE_JSON;
}

static bool is_number(uint32_t type)
{
    return type == LS_VALUE_INTEGER || type == LS_VALUE_FLOAT;
}

static uint64_t bits_of(const struct ls_value *value)
{
    uint64_t bits;
    if (value->type != LS_VALUE_FLOAT)
        return has_bytes(value->type) ? 0 : (uint64_t)value->integer;
    memcpy(&bits, &value->number, sizeof bits);
    return bits;
}

static struct ls_value value_of(const struct ls_entry *e)
{
    struct ls_value value = { .type = (enum ls_value_type)e->type };
    uint64_t bits = ls_wide_get(&e->number);
    if (value.type == LS_VALUE_FLOAT)
        memcpy(&value.number, &bits, sizeof bits);
    else
        value.integer = (int64_t)bits;
    return value;
}

/* In place of the entry `old`, if there is one. That one is made the newest first, so that it is not
 * evicted for the sake of its successor: it stands until the one change that puts the other there. */
static int put(struct visit *v, uint32_t old, const struct ls_value *value, uint64_t expires,
               uint64_t now)
{
    struct ls_slice bytes = has_bytes(value->type) ? value->bytes : LS_SLICE("");
    struct ls_entry_value entry = { value->type, bits_of(value), expires, bytes };
    if (old) {
        ls_entry_touch(v->shard, old);
        ls_shard_commit(v->shard);
    }
    if (!ls_entry_make_room(v->shard, ls_entry_blocks(v->key.key.len + bytes.len), now))
        return -EFBIG; /* not with the limits above */
    ls_entry_add(v->shard, &v->key, &entry);
    if (old)
        ls_entry_remove(v->shard, old);
    ls_shard_commit(v->shard);
    return 1;
}

static bool may_set(const struct ls_shard *s, uint32_t old, enum ls_store_how how, uint64_t version)
{
    switch (how) {
    case LS_STORE_SET:
        return true;
    case LS_STORE_ADD:
        return old == 0;
    case LS_STORE_REPLACE:
        return old != 0;
    case LS_STORE_VERSION:
    case LS_STORE_KEEP:
        return version == (old ? ls_wide_get(&ls_entry_at(s, old)->version) : 0);
    default:
        return false;
    }
}

int ls_store_set(const struct ls_store_user *u, int dict, struct ls_slice key,
                 const struct ls_value *value, uint64_t expires, uint64_t now,
                 enum ls_store_how how, uint64_t version)
{
    if (!fits(ls_shard_of(u->store, 0), key, has_bytes(value->type) ? value->bytes.len : 0))
        return -EFBIG;
    struct visit v = enter(u, dict, key);
    uint32_t old = ls_entry_find(v.shard, &v.key, now);
    if (!may_set(v.shard, old, how, version))
        return leave(&v, 0);
    if (how == LS_STORE_KEEP && old)
        expires = ls_wide_get(&ls_entry_at(v.shard, old)->expires);
    return leave(&v, put(&v, old, value, expires, now));
}

static int read_entry(struct visit *v, uint32_t at, struct ls_buffer *out, struct ls_value *value,
                      uint64_t *version)
{
    const struct ls_entry *e = ls_entry_at(v->shard, at);
    size_t before = out->len;
    ls_entry_touch(v->shard, at);
    ls_shard_commit(v->shard);
    ls_entry_copy_value(v->shard, at, out);
    if (out->failed)
        return -ENOMEM;
    *value = value_of(e);
    *version = ls_wide_get(&e->version);
    if (has_bytes(e->type))
        value->bytes = (struct ls_slice) { out->at ? out->at + before : "", out->len - before };
    return 1;
}

int ls_store_get(const struct ls_store_user *u, int dict, struct ls_slice key, uint64_t now,
                 struct ls_buffer *out, struct ls_value *value, uint64_t *version)
{
    struct visit v = enter(u, dict, key);
    uint32_t at = ls_entry_find(v.shard, &v.key, now);
    return leave(&v, at ? read_entry(&v, at, out, value, version) : -ENOENT);
}

static double float_of(const struct ls_value *value)
{
    return value->type == LS_VALUE_FLOAT ? value->number : (double)value->integer;
}

static int sum_of(const struct ls_value *a, const struct ls_value *b, struct ls_value *sum)
{
    *sum = (struct ls_value) { .type = LS_VALUE_INTEGER };
    if (!is_number(a->type) || !is_number(b->type))
        return -EINVAL;
    if (a->type == LS_VALUE_INTEGER && b->type == LS_VALUE_INTEGER)
        return __builtin_add_overflow(a->integer, b->integer, &sum->integer) ? -ERANGE : 1;
    sum->type = LS_VALUE_FLOAT;
    sum->number = float_of(a) + float_of(b);
    return 1;
}

static int add_to(struct visit *v, uint32_t at, const struct ls_value *by, struct ls_value *result)
{
    struct ls_entry *e = ls_entry_at(v->shard, at);
    const struct ls_value was = value_of(e);
    struct ls_value sum;
    int rc = sum_of(&was, by, &sum);
    if (rc < 0)
        return rc;
    ls_entry_touch(v->shard, at);
    ls_shard_put(v->shard, &e->type, sum.type);
    ls_shard_put_wide(v->shard, &e->number, bits_of(&sum));
    ls_entry_renew(v->shard, e);
    ls_shard_commit(v->shard);
    *result = sum;
    return 1;
}

int ls_store_incr(const struct ls_store_user *u, int dict, struct ls_slice key,
                  const struct ls_value *by, uint64_t expires, uint64_t now,
                  struct ls_value *result)
{
    if (!is_number(by->type))
        return -EINVAL;
    if (!fits(ls_shard_of(u->store, 0), key, 0))
        return -EFBIG;
    struct visit v = enter(u, dict, key);
    uint32_t at = ls_entry_find(v.shard, &v.key, now);
    if (at)
        return leave(&v, add_to(&v, at, by, result));
    *result = *by;
    return leave(&v, put(&v, 0, by, expires, now));
}

int ls_store_expire(const struct ls_store_user *u, int dict, struct ls_slice key, uint64_t expires,
                    uint64_t now)
{
    struct visit v = enter(u, dict, key);
    uint32_t at = ls_entry_find(v.shard, &v.key, now);
    if (!at)
        return leave(&v, -ENOENT);
    ls_shard_put_wide(v.shard, &ls_entry_at(v.shard, at)->expires, expires);
    ls_shard_commit(v.shard);
    return leave(&v, 1);
}

int ls_store_expiry(const struct ls_store_user *u, int dict, struct ls_slice key, uint64_t now,
                    uint64_t *expires)
{
    struct visit v = enter(u, dict, key);
    uint32_t at = ls_entry_find(v.shard, &v.key, now);
    if (at)
        *expires = ls_wide_get(&ls_entry_at(v.shard, at)->expires);
    return leave(&v, at ? 1 : -ENOENT);
}

int ls_store_delete(const struct ls_store_user *u, int dict, struct ls_slice key, uint64_t now)
{
    struct visit v = enter(u, dict, key);
    uint32_t at = ls_entry_find(v.shard, &v.key, now);
    if (at) {
        ls_entry_remove(v.shard, at);
        ls_shard_commit(v.shard);
    }
    return leave(&v, at ? 1 : 0);
}

static int add_name(struct visit *v)
{
    struct ls_shard *s = v->shard;
    uint32_t blocks = (uint32_t)ls_entry_blocks(v->key.key.len);
    const struct ls_entry_value value = { .type = LS_VALUE_INTEGER, .number = s->dicts + 1 };
    if (s->dicts == DICTS || s->pinned + blocks > s->blocks / PINNED ||
        !ls_entry_make_room(s, blocks, 0))
        return -ENOSPC;
    ls_entry_add(s, &v->key, &value);
    ls_shard_put(s, &s->pinned, s->pinned + blocks);
    ls_shard_put(s, &s->dicts, s->dicts + 1);
    ls_shard_commit(s);
    return (int)s->dicts;
}

int ls_store_dict(const struct ls_store_user *u, struct ls_slice name)
{
    if (name.len == 0 || name.len > NAME)
        return -EINVAL;
    struct visit v = enter(u, LS_ENTRY_NAMES, name);
    uint32_t at = ls_entry_find(v.shard, &v.key, 0);
    return leave(&v, at ? (int)ls_entry_at(v.shard, at)->number.low : add_name(&v));
}

static void flush_shard(struct ls_shard *s, uint8_t dict)
{
    for (uint32_t at = s->newest, older; at != 0; at = older) {
        older = ls_entry_at(s, at)->older;
        if (ls_entry_at(s, at)->dict != dict)
            continue;
        ls_entry_remove(s, at);
        ls_shard_commit(s);
    }
}

void ls_store_flush(const struct ls_store_user *u, int dict)
{
    struct visit v = { .user = u };
    for (uint32_t i = 0; i < u->store->shards; i++) {
        enter_shard(&v, i);
        flush_shard(v.shard, (uint8_t)dict);
        leave(&v, 0);
    }
}

void ls_store_usage(const struct ls_store_user *u, struct ls_store_usage *usage)
{
    struct visit v = { .user = u };
    *usage = (struct ls_store_usage) { 0 };
    for (uint32_t i = 0; i < u->store->shards; i++) {
        enter_shard(&v, i);
        usage->size += (uint64_t)v.shard->blocks * LS_SHARD_BLOCK;
        usage->used += (uint64_t)(v.shard->blocks - v.shard->unused) * LS_SHARD_BLOCK;
        usage->entries += v.shard->entries;
        usage->evicted += ls_wide_get(&v.shard->evicted);
        leave(&v, 0);
    }
}

/* In the order of the copy: a key's length, and the key. */
static void copy_keys(const struct ls_shard *s, uint8_t dict, struct ls_slice prefix, uint64_t now,
                      struct ls_buffer *out)
{
    for (uint32_t at = s->newest; at != 0 && !out->failed; at = ls_entry_at(s, at)->older) {
        const struct ls_entry *e = ls_entry_at(s, at);
        if (e->dict != dict || e->key_len < prefix.len || ls_entry_has_expired(e, now))
            continue;
        size_t before = out->len, key = before + sizeof e->key_len;
        ls_buffer_append(out, &e->key_len, sizeof e->key_len);
        ls_entry_copy_key(s, at, out);
        if (!out->failed && prefix.len > 0 && memcmp(out->at + key, prefix.at, prefix.len) != 0)
            out->len = before;
    }
}

static bool tell_keys(const struct ls_buffer *copy, bool (*each)(void *ctx, struct ls_slice key),
                      void *ctx)
{
    uint16_t len;
    for (size_t at = 0; at < copy->len; at += sizeof len + len) {
        memcpy(&len, copy->at + at, sizeof len);
        if (!each(ctx, (struct ls_slice) { copy->at + at + sizeof len, len }))
            return false;
    }
    return true;
}

int ls_store_keys(const struct ls_store_user *u, int dict, struct ls_slice prefix, uint64_t now,
                  bool (*each)(void *ctx, struct ls_slice key), void *ctx)
{
    struct ls_buffer copy = { 0 };
    struct visit v = { .user = u };
    bool more = true;
    for (uint32_t i = 0; i < u->store->shards && more && !copy.failed; i++) {
        ls_buffer_clear(&copy);
        enter_shard(&v, i);
        copy_keys(v.shard, (uint8_t)dict, prefix, now, &copy);
        leave(&v, 0);
        more = !copy.failed && tell_keys(&copy, each, ctx);
    }
    bool failed = copy.failed;
    ls_buffer_free(&copy);
    return failed ? -ENOMEM : 0;
}

void ls_store_recover(struct ls_store *store, struct ls_holder *dead, uint32_t number)
{
    uint64_t name = atomic_load(&dead->at);
    if (name == 0 || name > store->shards)
        return;
    struct ls_shard *s = ls_shard_of(store, (uint32_t)name - 1);
    if (ls_lock_was_held(&s->lock, number))
        ls_shard_undo(s);
    ls_lock_release(&s->lock, dead, number);
}
