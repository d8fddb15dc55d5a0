#include "exchange/channel.h"

#include <errno.h>
#include <string.h>

#include "exchange/engine.h"
#include "os/sys.h"

enum { GRAIN = 16, LINE = 64 };

#define TABLE_LOCK   (1ull << 32)
#define CHANNEL_LOCK (2ull << 32) /* and the channel's index */

struct record { /* in a ring, at a multiple of GRAIN; the message follows */
    uint32_t len, kind;
    uint32_t generation;
    uint32_t number; /* of the message, its lower half */
};

_Static_assert(sizeof(struct record) == GRAIN, "a record's head never wraps");

struct channel {
    alignas(LINE) struct ls_lock lock; /* of who appends */
    _Atomic uint32_t generation;       /* 0: never used */
    _Atomic uint64_t head,
        tail;                /* bytes since the beginning: behind the last message, and the first
                                          one that is there */
    _Atomic uint64_t number; /* of the last message; written under the lock */
    uint32_t name_len;       /* under the lock of the table, like the name */
    char name[LS_CHANNEL_NAME];
};

struct ls_channels {
    struct ls_lock table; /* of names */
    uint32_t processes;
    size_t ring;
    _Atomic uint32_t used; /* channels that ever were: the first ones */
    _Atomic uint32_t top;  /* numbers of processes that ever subscribed are at most this */
    struct channel all[LS_CHANNELS];
    _Atomic uint16_t counts[]; /* [channel][process]: its subscriptions; then the rings */
};

/* ---- the memory ---- */

static size_t counts_size(uint32_t processes)
{
    size_t size = (size_t)LS_CHANNELS * processes * sizeof(uint16_t);
    return (size + LINE - 1) / LINE * LINE;
}

size_t ls_channels_size(uint32_t processes, size_t ring)
{
    return sizeof(struct ls_channels) + counts_size(processes) + LS_CHANNELS * ring;
}

void ls_channels_init(struct ls_channels *c, uint32_t processes, size_t ring)
{
    c->processes = processes;
    c->ring = ring;
}

static _Atomic uint16_t *counts_of(struct ls_channels *c, uint32_t channel)
{
    return c->counts + (size_t)channel * c->processes;
}

static char *ring_of(struct ls_channels *c, uint32_t channel)
{
    return (char *)c->counts + counts_size(c->processes) + channel * c->ring;
}

static size_t size_of(const struct record *r)
{
    return GRAIN + ((size_t)r->len + GRAIN - 1) / GRAIN * GRAIN;
}

static void copy_out(struct ls_channels *c, uint32_t channel, uint64_t at, void *to, size_t len)
{
    size_t from = (size_t)(at % c->ring), first = len < c->ring - from ? len : c->ring - from;
    memcpy(to, ring_of(c, channel) + from, first);
    memcpy((char *)to + first, ring_of(c, channel), len - first);
}

static void copy_in(struct ls_channels *c, uint32_t channel, uint64_t at, const void *from,
                    size_t len)
{
    size_t to = (size_t)(at % c->ring), first = len < c->ring - to ? len : c->ring - to;
    memcpy(ring_of(c, channel) + to, from, first);
    memcpy(ring_of(c, channel), (const char *)from + first, len - first);
}

/* ---- names ---- */

static struct ls_holder *holder_of(struct ls_hub *hub)
{
    return &hub->kin[hub->number - 1].holder;
}

static uint32_t subscribers(struct ls_channels *c, uint32_t channel)
{
    const _Atomic uint16_t *counts = counts_of(c, channel);
    uint32_t sum = 0, top = atomic_load(&c->top);
    for (uint32_t i = 0; i < top; i++)
        sum += atomic_load_explicit(&counts[i], memory_order_relaxed);
    return sum;
}

static bool is_named(const struct channel *c, struct ls_slice name)
{
    return c->name_len == name.len && memcmp(c->name, name.at, name.len) == 0;
}

/* Under the lock of the table. -1: there is none of that name. */
static int find(struct ls_channels *c, struct ls_slice name)
{
    for (uint32_t i = 0; i < atomic_load(&c->used); i++)
        if (is_named(&c->all[i], name))
            return (int)i;
    return -1;
}

/* The same: a place for that name. Whoever still publishes to what it was used for before gives its message
 * the old generation. */
static int make(struct ls_channels *c, struct ls_slice name)
{
    uint32_t used = atomic_load(&c->used), i = 0;
    while (i < used && subscribers(c, i) > 0)
        i++;
    if (i == LS_CHANNELS)
        return -ENOSPC;
    c->all[i].name_len = 0;
    if (atomic_fetch_add(&c->all[i].generation, 1) == UINT32_MAX)
        atomic_store(&c->all[i].generation, 1); /* 0 is never used */
    memcpy(c->all[i].name, name.at, name.len);
    c->all[i].name_len = (uint32_t)name.len;
    if (i == used)
        atomic_store(&c->used, used + 1);
    return (int)i;
}

static bool is_name(struct ls_slice name)
{
    return name.len > 0 && name.len <= LS_CHANNEL_NAME;
}

/* ---- subscribing ---- */

static int register_process(struct ls_hub *hub)
{
    struct ls_kin *kin = &hub->kin[hub->number - 1];
    if (atomic_load(&kin->pid) > 0)
        return 0;
    int err = ls_bell_open(hub->bell);
    if (err < 0)
        return err;
    hub->bell->rung = &kin->rung;
    atomic_store(&kin->subscribes, 1);
    atomic_store(&kin->pid, ls_sys_getpid());
    return 0;
}

static void raise_top(struct ls_channels *c, uint32_t number)
{
    uint32_t top = atomic_load(&c->top);
    while (top < number && !atomic_compare_exchange_weak(&c->top, &top, number))
        ;
}

static void keep(struct ls_hub *hub, struct ls_subscription *s)
{
    if (!hub->local[s->channel]) {
        hub->used[hub->count++] = s->channel;
        hub->heads[s->channel] = s->at;
    }
    s->next = hub->local[s->channel];
    hub->local[s->channel] = s;
}

int ls_channel_subscribe(struct ls_hub *hub, struct ls_slice name, struct ls_subscription *s)
{
    struct ls_channels *c = hub->channels;
    if (!is_name(name))
        return -EINVAL;
    int err = register_process(hub);
    if (err < 0)
        return err;
    raise_top(c, hub->number);
    ls_lock_take(&c->table, holder_of(hub), hub->number, TABLE_LOCK);
    int channel = find(c, name);
    if (channel < 0)
        channel = make(c, name);
    if (channel >= 0 &&
        atomic_load(&counts_of(c, (uint32_t)channel)[hub->number - 1]) == UINT16_MAX)
        channel = -EMFILE;
    if (channel >= 0)
        atomic_fetch_add(&counts_of(c, (uint32_t)channel)[hub->number - 1], 1);
    ls_lock_give(&c->table, holder_of(hub), hub->number);
    if (channel < 0)
        return channel;
    struct channel *its = &c->all[channel];
    s->channel = (uint32_t)channel;
    s->generation = atomic_load(&its->generation);
    s->at = atomic_load(&its->head);
    s->number = atomic_load(&its->number) + 1; /* or one more, if it is just coming */
    keep(hub, s);
    return 0;
}

static void forget(struct ls_hub *hub, uint32_t channel)
{
    uint32_t i = 0;
    while (hub->used[i] != channel)
        i++;
    hub->used[i] = hub->used[--hub->count];
}

void ls_channel_unsubscribe(struct ls_hub *hub, struct ls_subscription *s)
{
    struct ls_subscription **at = &hub->local[s->channel];
    while (*at && *at != s)
        at = &(*at)->next;
    if (s->generation == 0 || !*at)
        return;
    *at = s->next;
    s->generation = 0;
    if (!hub->local[s->channel])
        forget(hub, s->channel);
    atomic_fetch_sub(&counts_of(hub->channels, s->channel)[hub->number - 1], 1);
}

/* ---- reading ---- */

enum { NOTHING, MESSAGE, OVERTAKEN };

/* What is copied may be overwritten meanwhile: then the tail has passed it, which is looked at last. */
static int read_one(struct ls_channels *c, struct ls_subscription *s, struct ls_buffer *out,
                    struct record *r)
{
    struct channel *its = &c->all[s->channel];
    size_t before = out->len;
    if (s->at == atomic_load_explicit(&its->head, memory_order_acquire))
        return NOTHING;
    copy_out(c, s->channel, s->at, r, sizeof *r);
    if (r->len > 0 && r->len <= c->ring && ls_buffer_reserve(out, r->len) == 0) {
        copy_out(c, s->channel, s->at + sizeof *r, out->at + out->len, r->len);
        out->len += r->len;
    }
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&its->tail, memory_order_relaxed) <= s->at)
        return MESSAGE;
    out->len = before;
    return OVERTAKEN;
}

bool ls_channel_has_news(const struct ls_hub *hub, const struct ls_subscription *s)
{
    return atomic_load_explicit(&hub->channels->all[s->channel].head, memory_order_acquire) !=
           s->at;
}

int ls_channel_next(struct ls_hub *hub, struct ls_subscription *s, struct ls_buffer *out,
                    uint32_t *kind, uint64_t *missed)
{
    struct ls_channels *c = hub->channels;
    size_t before = out->len;
    *missed = 0;
    for (;;) {
        struct record r;
        int got = read_one(c, s, out, &r);
        if (out->failed)
            return -ENOMEM;
        if (got == NOTHING)
            return 0;
        if (got == OVERTAKEN) {
            s->at = atomic_load_explicit(&c->all[s->channel].tail, memory_order_acquire);
            continue;
        }
        int32_t gap = (int32_t)(r.number - (uint32_t)s->number);
        *missed += gap > 0 ? (uint64_t)gap : 0;
        s->number = r.number + 1ull;
        s->at += size_of(&r);
        *kind = r.kind;
        if (r.generation == s->generation)
            return 1;
        out->len = before; /* meant for those who were here before */
    }
}

/* ---- publishing ---- */

/* Room for `size` bytes at the head: the oldest messages are given up. */
static void make_room(struct ls_channels *c, uint32_t channel, size_t size)
{
    struct channel *its = &c->all[channel];
    uint64_t tail = atomic_load(&its->tail), head = atomic_load(&its->head);
    struct record r;
    while (head + size - tail > c->ring) {
        copy_out(c, channel, tail, &r, sizeof r);
        tail += size_of(&r);
    }
    atomic_store(&its->tail, tail);
    atomic_thread_fence(memory_order_seq_cst);
}

static void append(struct ls_channels *c, uint32_t channel, const struct record *r,
                   struct ls_slice message)
{
    struct channel *its = &c->all[channel];
    uint64_t head = atomic_load(&its->head);
    make_room(c, channel, size_of(r));
    copy_in(c, channel, head, r, sizeof *r);
    copy_in(c, channel, head + sizeof *r, message.at, message.len);
    atomic_fetch_add(&its->number, 1);
    atomic_store(&its->head, head + size_of(r));
}

static void ring_others(struct ls_channels *c, struct ls_kin *kin, uint32_t channel, uint32_t self,
                        void (*ring)(struct ls_kin *kin))
{
    const _Atomic uint16_t *counts = counts_of(c, channel);
    uint32_t top = atomic_load(&c->top);
    for (uint32_t i = 0; i < top; i++)
        if (i != self - 1 && atomic_load_explicit(&counts[i], memory_order_relaxed) > 0)
            ring(&kin[i]);
}

static void tell_local(struct ls_hub *hub, uint32_t channel)
{
    for (struct ls_subscription *s = hub->local[channel]; s; s = s->next)
        if (s->e)
            s->e->driver->ring(s->e->driver, s->e);
}

static bool look_up(struct ls_hub *hub, struct ls_slice name, struct ls_channel_place *place)
{
    struct ls_channels *c = hub->channels;
    if (place->generation > 0 &&
        atomic_load(&c->all[place->channel].generation) == place->generation)
        return true;
    ls_lock_take(&c->table, holder_of(hub), hub->number, TABLE_LOCK);
    int channel = find(c, name);
    if (channel >= 0)
        *place = (struct ls_channel_place) { (uint32_t)channel,
                                             atomic_load(&c->all[channel].generation) };
    ls_lock_give(&c->table, holder_of(hub), hub->number);
    return channel >= 0;
}

static void publish(struct ls_hub *hub, const struct ls_channel_place *place, uint32_t kind,
                    struct ls_slice message)
{
    struct ls_channels *c = hub->channels;
    struct channel *its = &c->all[place->channel];
    struct ls_kin *self = &hub->kin[hub->number - 1];
    ls_lock_take(&its->lock, &self->holder, hub->number, CHANNEL_LOCK | place->channel);
    atomic_store(&self->publishes, place->channel + 1);
    const struct record r = { (uint32_t)message.len, kind, place->generation,
                              (uint32_t)atomic_load(&its->number) + 1 };
    append(c, place->channel, &r, message);
    ls_lock_give(&its->lock, &self->holder, hub->number);
    ring_others(c, hub->kin, place->channel, hub->number, ls_kin_ring);
    atomic_store(&self->publishes, 0);
    tell_local(hub, place->channel);
}

int64_t ls_channel_publish(struct ls_hub *hub, struct ls_slice name, struct ls_channel_place *place,
                           uint32_t kind, struct ls_slice message)
{
    if (!is_name(name))
        return -EINVAL;
    if (message.len > hub->channels->ring / 4)
        return -EFBIG;
    if (!look_up(hub, name, place))
        return 0;
    uint32_t count = subscribers(hub->channels, place->channel);
    if (count > 0)
        publish(hub, place, kind, message);
    return count;
}

/* ---- being told ---- */

void ls_hub_listen(struct ls_hub *hub)
{
    for (uint32_t i = 0; i < hub->count; i++) {
        uint32_t channel = hub->used[i];
        uint64_t head = atomic_load(&hub->channels->all[channel].head);
        if (head == hub->heads[channel])
            continue;
        hub->heads[channel] = head;
        tell_local(hub, channel);
    }
}

/* ---- after a death ---- */

/* The number was counted, but the message is not there: nobody is to believe that it missed one. */
static void recount(struct ls_channels *c, uint32_t channel)
{
    struct channel *its = &c->all[channel];
    struct record r = { .number = 0 }; /* the ring is empty before its first message alone */
    uint64_t head = atomic_load(&its->head);
    for (uint64_t at = atomic_load(&its->tail); at < head; at += size_of(&r))
        copy_out(c, channel, at, &r, sizeof r);
    atomic_fetch_sub(&its->number, (uint32_t)atomic_load(&its->number) - r.number);
}

static void recover_lock(struct ls_channels *c, struct ls_kin *dead, uint32_t number)
{
    uint64_t at = atomic_load(&dead->holder.at);
    uint32_t channel = (uint32_t)at;
    if (at == TABLE_LOCK)
        ls_lock_release(&c->table, &dead->holder, number);
    if ((at & ~(uint64_t)UINT32_MAX) != CHANNEL_LOCK || channel >= LS_CHANNELS)
        return;
    if (ls_lock_was_held(&c->all[channel].lock, number))
        recount(c, channel);
    ls_lock_release(&c->all[channel].lock, &dead->holder, number);
}

void ls_channels_recover(struct ls_channels *c, struct ls_kin *kin, uint32_t number)
{
    struct ls_kin *dead = &kin[number - 1];
    uint32_t published = atomic_exchange(&dead->publishes, 0);
    recover_lock(c, dead, number);
    if (published > 0 && published <= LS_CHANNELS)
        ring_others(c, kin, published - 1, number, ls_kin_ring_again);
    if (atomic_load(&dead->subscribes))
        for (uint32_t i = 0; i < atomic_load(&c->used); i++)
            atomic_store(&counts_of(c, i)[number - 1], 0);
    atomic_store(&dead->subscribes, 0);
    atomic_store(&dead->pid, 0);
    atomic_store(&dead->rung, 0);
}
