#include "os/ledger.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <x86intrin.h>

#include "base/clock.h"
#include "os/capture.h"

enum { PASSED_ON = 16 }; /* calls that are looked through for an accept4 */

static size_t rings_at(uint32_t count)
{
    size_t heads = sizeof(struct ls_ledgers) + count * sizeof(uint64_t);
    return (heads + sizeof(struct ls_ledger_entry) - 1) / sizeof(struct ls_ledger_entry) *
           sizeof(struct ls_ledger_entry);
}

size_t ls_ledgers_size(uint32_t count, uint32_t size)
{
    return rings_at(count) + (size_t)count * size * sizeof(struct ls_ledger_entry);
}

void ls_ledgers_init(struct ls_ledgers *all, uint32_t count, uint32_t size)
{
    all->count = count;
    all->size = size;
    all->us = ls_clock_us();
    all->ticks = __rdtsc();
}

struct ls_ledger_entry *ls_ledgers_ring(const struct ls_ledgers *all, uint32_t ring)
{
    char *rings = (char *)all + rings_at(all->count);
    return (struct ls_ledger_entry *)rings + (size_t)ring * all->size;
}

void ls_ledgers_clear(struct ls_ledgers *all, uint32_t ring)
{
    atomic_store(&all->heads[ring], 0);
}

uint64_t ls_ledgers_end(const struct ls_ledgers *all, uint32_t ring)
{
    return atomic_load_explicit(&all->heads[ring], memory_order_acquire);
}

uint64_t ls_ledgers_oldest(const struct ls_ledgers *all, uint32_t ring)
{
    uint64_t end = ls_ledgers_end(all, ring);
    return end < all->size ? 0 : end - all->size + 1;
}

bool ls_ledgers_read(const struct ls_ledgers *all, uint32_t ring, uint64_t index,
                     struct ls_ledger_entry *entry)
{
    const struct ls_ledger_entry *there = &ls_ledgers_ring(all, ring)[index & (all->size - 1)];
    uint64_t to = atomic_load_explicit(&there->to, memory_order_acquire);
    memcpy(entry, there, sizeof *entry);
    atomic_store_explicit(&entry->to, to, memory_order_relaxed);
    if (to == 0)
        entry->result = -1; /* what it points to is not known yet */
    atomic_thread_fence(memory_order_acquire);
    return index >= ls_ledgers_oldest(all, ring) && index < ls_ledgers_end(all, ring);
}

double ls_ledgers_us_per_tick(const struct ls_ledgers *all)
{
    uint64_t us = ls_clock_us() - all->us, ticks = __rdtsc() - all->ticks;
    return ticks == 0 ? 0 : (double)us / (double)ticks;
}

/* ---- recording ---- */

static struct ls_ledger_entry *begin_entry(const struct ls_recorder *r, long nr, const long args[6])
{
    uint64_t index = atomic_load_explicit(&r->all->heads[r->ring], memory_order_relaxed);
    struct ls_ledger_entry *e =
        &ls_ledgers_ring(r->all, (uint32_t)r->ring)[index & (r->all->size - 1)];
    e->about = r->about;
    atomic_store_explicit(&e->to, 0, memory_order_relaxed);
    e->result = -1;
    e->nr = (uint32_t)nr;
    memcpy(e->args, args, sizeof e->args);
    return e;
}

static void publish(const struct ls_recorder *r)
{
    _Atomic uint64_t *head = &r->all->heads[r->ring];
    uint64_t index = atomic_load_explicit(head, memory_order_relaxed);
    atomic_store_explicit(head, index + 1, memory_order_release);
}

static void end_entry(struct ls_ledger_entry *e, long result, const struct ls_call *call)
{
    e->result = result;
    if (result >= 0 && call)
        ls_capture_after(e, call);
    atomic_store_explicit(&e->to, __rdtsc(), memory_order_release);
}

static long forward(const struct ls_recorder *r, long nr, const long args[6])
{
    struct ls_sys_gate *next = r->gate.next;
    return next ? next->pass(next, nr, args) : ls_sys_raw(nr, args);
}

static long record_into(struct ls_recorder *r, long nr, const long args[6])
{
    const struct ls_call *call = ls_call_of((uint64_t)nr);
    struct ls_ledger_entry *e = begin_entry(r, nr, args);
    if (call)
        ls_capture_before(e, call);
    e->from = __rdtsc();
    publish(r);
    long result = forward(r, nr, args);
    end_entry(e, result, call);
    return result;
}

/* A clone is written down once it is known who returned from it. */
static void note_clone(const struct ls_recorder *r, const long args[6], uint64_t from, long pid)
{
    if (r->ring == LS_LEDGER_NONE)
        return;
    struct ls_ledger_entry *e = begin_entry(r, SYS_clone, args);
    e->from = from;
    end_entry(e, pid, NULL);
    publish(r);
}

static long record_fork(struct ls_recorder *r, const long args[6])
{
    uint64_t from = __rdtsc();
    long pid = forward(r, SYS_clone, args);
    if (pid == 0) {
        r->ring = r->heir;
        r->about = r->heirs;
        r->heir = LS_LEDGER_NONE;
    }
    note_clone(r, args, from, pid);
    return pid;
}

static long record(struct ls_sys_gate *gate, long nr, const long args[6])
{
    struct ls_recorder *r = (struct ls_recorder *)gate;
    if (nr == SYS_clone && !(args[0] & CLONE_VM))
        return record_fork(r, args);
    return r->ring == LS_LEDGER_NONE ? forward(r, nr, args) : record_into(r, nr, args);
}

/* NULL: nothing is recorded. */
static struct ls_recorder *in_force(void)
{
    bool ours = ls_sys_gate && ls_sys_gate->pass == record;
    return ours ? (struct ls_recorder *)ls_sys_gate : NULL;
}

void ls_recorder_begin(struct ls_recorder *r, struct ls_ledgers *all, uint32_t ring)
{
    *r = (struct ls_recorder) {
        .gate = { record, NULL }, .all = all, .ring = ring, .heir = LS_LEDGER_NONE
    };
    ls_recorder_resume(r);
}

void ls_recorder_resume(struct ls_recorder *r)
{
    r->gate.next = ls_sys_gate;
    ls_sys_gate = &r->gate;
}

void ls_recorder_end(struct ls_recorder *r)
{
    struct ls_sys_gate **at = &ls_sys_gate;
    while (*at && *at != &r->gate)
        at = &(*at)->next;
    if (*at)
        *at = r->gate.next;
}

void ls_recorder_about(uint64_t request)
{
    struct ls_recorder *r = in_force();
    if (r)
        r->about = request;
}

/* The newest accept4 that gave somebody; the end of the ring when it is not among the last calls. */
static uint64_t find_accept(const struct ls_recorder *r)
{
    uint64_t end = ls_ledgers_end(r->all, (uint32_t)r->ring);
    uint64_t oldest = ls_ledgers_oldest(r->all, (uint32_t)r->ring);
    struct ls_ledger_entry e;
    for (uint64_t i = end; i > oldest && i + PASSED_ON > end; i--)
        if (ls_ledgers_read(r->all, (uint32_t)r->ring, i - 1, &e) && e.nr == SYS_accept4 &&
            e.result >= 0)
            return i - 1;
    return end;
}

static void copy_from(const struct ls_recorder *r, uint64_t from, uint32_t to, uint64_t about)
{
    uint64_t end = ls_ledgers_end(r->all, (uint32_t)r->ring), at = 0;
    struct ls_ledger_entry *ring = ls_ledgers_ring(r->all, to);
    ls_ledgers_clear(r->all, to); /* nobody takes what comes for what was there */
    for (; from < end && at < r->all->size; from++, at++) {
        ls_ledgers_read(r->all, (uint32_t)r->ring, from, &ring[at]);
        ring[at].about = about;
    }
    atomic_store(&r->all->heads[to], at);
}

void ls_recorder_bequeath(struct ls_recorder *r, int64_t ring, uint64_t about)
{
    r->heir = ring;
    r->heirs = about;
    if (ring != LS_LEDGER_NONE)
        copy_from(r, find_accept(r), (uint32_t)ring, about);
}

void ls_recorder_adopt(uint64_t about)
{
    struct ls_recorder *r = in_force();
    if (!r || r->ring == LS_LEDGER_NONE)
        return;
    uint64_t accept = find_accept(r), end = ls_ledgers_end(r->all, (uint32_t)r->ring);
    if (accept < end)
        ls_ledgers_ring(r->all, (uint32_t)r->ring)[accept & (r->all->size - 1)].about = about;
}
