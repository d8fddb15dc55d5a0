#include "server/tracing.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "server/server.h"

enum {
    KEPT = 64,          /* rings of clients that have ended, at least */
    OF_CLIENT = 128,    /* calls, of 192 bytes each */
    OF_PLACE = 8 << 10, /* a worker of a pool has many clients */
    SUPERVISOR = 0,
    FIRST = 1
};

static uint32_t rings(const struct luaserve *s)
{
    return FIRST + (s->mode == &ls_mode_fork ? s->max_clients + KEPT : LS_POOL_PLACES);
}

static size_t bytes(const struct luaserve *s)
{
    return ls_ledgers_size(rings(s), s->mode == &ls_mode_fork ? OF_CLIENT : OF_PLACE);
}

int ls_tracing_open(struct luaserve *s)
{
    struct ls_tracing *t = &s->tracing;
    *t = (struct ls_tracing) { .all = NULL };
    if (!s->now->config.trace)
        return 0;
    t->ended = calloc(rings(s), sizeof *t->ended);
    if (!t->ended)
        return -ENOMEM;
    void *at = ls_sys_mmap(NULL, bytes(s), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int err = ls_sys_bad(at);
    if (err < 0)
        return err;
    t->all = at;
    t->touched = FIRST;
    ls_ledgers_init(t->all, rings(s), s->mode == &ls_mode_fork ? OF_CLIENT : OF_PLACE);
    s->shared->commons.ledgers = t->all;
    ls_recorder_begin(&t->recorder, t->all, SUPERVISOR);
    return 0;
}

void ls_tracing_close(struct luaserve *s)
{
    struct ls_tracing *t = &s->tracing;
    if (t->all) {
        ls_recorder_end(&t->recorder);
        ls_sys_munmap(t->all, bytes(s));
    }
    free(t->ended);
    *t = (struct ls_tracing) { .all = NULL };
}

void ls_tracing_resume(struct luaserve *s)
{
    if (s->tracing.all)
        ls_recorder_resume(&s->tracing.recorder);
}

void ls_tracing_pause(struct luaserve *s)
{
    if (s->tracing.all)
        ls_recorder_end(&s->tracing.recorder);
}

static uint32_t take(struct ls_tracing *t)
{
    if (t->waiting <= KEPT && t->touched < t->all->count)
        return t->touched++;
    uint32_t ring = t->ended[t->first];
    t->first = (t->first + 1) % t->all->count;
    t->waiting--;
    return ring;
}

void ls_tracing_bequeath(struct luaserve *s, uint32_t client)
{
    struct ls_tracing *t = &s->tracing;
    struct ls_client *c = &s->clients.all[client];
    if (!t->all)
        return;
    c->ring = take(t);
    ls_recorder_bequeath(&t->recorder, c->ring,
                         ls_request_number(s->now->site.nonce, c->number, 1));
}

void ls_tracing_bequeathed(struct luaserve *s)
{
    if (s->tracing.all)
        ls_recorder_bequeath(&s->tracing.recorder, LS_LEDGER_NONE, 0);
}

void ls_tracing_ended(struct luaserve *s, uint32_t client)
{
    struct ls_tracing *t = &s->tracing;
    if (t->all)
        t->ended[(t->first + t->waiting++) % t->all->count] = s->clients.all[client].ring;
}

void ls_tracing_bequeath_place(struct luaserve *s, uint32_t place)
{
    struct ls_tracing *t = &s->tracing;
    if (t->all)
        ls_recorder_bequeath(&t->recorder, FIRST + place, 0);
}

uint32_t ls_tracing_ring_of_place(uint32_t place)
{
    return FIRST + place;
}
