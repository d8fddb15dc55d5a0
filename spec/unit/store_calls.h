/* Short calls of a store of one's own. */
#ifndef STORE_CALLS_H
#define STORE_CALLS_H

#include "stores.h"

enum { ME = 1, DICT = 1, NOW = 100, SMALL = LS_STORE_SMALLEST, LARGE = 4 << 20 };

static struct memory memory;
static struct ls_store_user me;
static struct ls_buffer out;
static struct ls_value value;
static uint64_t version;

static inline void begin(size_t size)
{
    memory = memory_of(size);
    me = user_of(&memory, ME);
}

static inline void end(void)
{
    check_sound(&memory);
    memory_free(&memory);
    ls_buffer_free(&out);
}

static inline int set(const char *key, const char *text)
{
    const struct ls_value v = text_value(ls_slice_of(text));
    return ls_store_set(&me, DICT, ls_slice_of(key), &v, 0, NOW, LS_STORE_SET, 0);
}

static inline int set_how(const char *key, const char *text, enum ls_store_how how,
                          uint64_t if_version)
{
    const struct ls_value v = text_value(ls_slice_of(text));
    return ls_store_set(&me, DICT, ls_slice_of(key), &v, 0, NOW, how, if_version);
}

static inline int set_until(const char *key, uint64_t expires)
{
    const struct ls_value v = text_value(LS_SLICE("x"));
    return ls_store_set(&me, DICT, ls_slice_of(key), &v, expires, NOW, LS_STORE_SET, 0);
}

static inline int get_at(int dict, const char *key, uint64_t now)
{
    ls_buffer_clear(&out);
    return ls_store_get(&me, dict, ls_slice_of(key), now, &out, &value, &version);
}

static inline int get(const char *key)
{
    return get_at(DICT, key, NOW);
}

static inline int incr(const char *key, struct ls_value by)
{
    return ls_store_incr(&me, DICT, ls_slice_of(key), &by, 0, NOW, &value);
}

static inline struct ls_store_usage usage(void)
{
    struct ls_store_usage usage;
    ls_store_usage(&me, &usage);
    return usage;
}

static inline int set_bytes(int dict, unsigned which, size_t len)
{
    static char text[SMALL];
    char key[16];
    const struct ls_value v = text_value(pattern(text, len, which));
    snprintf(key, sizeof key, "%u", which);
    return ls_store_set(&me, dict, ls_slice_of(key), &v, 0, NOW, LS_STORE_SET, 0);
}

#endif
