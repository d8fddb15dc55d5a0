#include "server/accounting.h"

#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "exchange/exposition.h"
#include "lua/state.h"
#include "os/sys.h"
#include "server/death.h"
#include "server/incident.h"

enum { FIELDS = 64 }; /* of a head that a slot holds */

static void count_clients(void *of, struct ls_headcount *clients)
{
    const struct luaserve *s = of;
    s->mode->count(s, clients);
}

void ls_accounting_serve(struct luaserve *s, struct ls_generation *g)
{
    s->shared->commons.metrics->mode = s->mode->name;
    s->shared->commons.metrics->version = LUASERVE_VERSION;
    g->site.count_clients = count_clients;
    g->site.count_clients_of = s;
}

void ls_accounting_forked(const struct luaserve *s, uint64_t began)
{
    ls_tally(&ls_tallies_of(s)->forks, 1);
    ls_tally(&ls_tallies_of(s)->fork_us, ls_clock_us() - began);
}

static struct ls_books own_books(const struct luaserve *s)
{
    struct ls_metrics *metrics = s->shared->commons.metrics;
    return (struct ls_books) { .user = { .metrics = s->now->site.counts ? metrics : NULL },
                               .metrics = metrics,
                               .access = s->now->site.access,
                               .pid = ls_sys_getpid() };
}

static bool keeps_books(const struct luaserve *s)
{
    return s->now->site.counts || s->now->site.access;
}

/* What the worker had to say of its request; it may have written anywhere. */
struct story {
    struct ls_slice method, target, head;
    const char *ip, *id;
    int status, pid;
    uint64_t bytes, began;
    uint32_t route;
};

static struct story story_of(const struct ls_slot *slot)
{
    size_t head = slot->head_len < LS_SLOT_HEAD ? slot->head_len : LS_SLOT_HEAD;
    return (struct story) {
        .method = { slot->method, strnlen(slot->method, LS_SLOT_METHOD) },
        .target = { slot->target, strnlen(slot->target, LS_SLOT_TARGET) },
        .head = { slot->head, head },
        .began = atomic_load(&slot->began),
        .route = slot->route % LS_METRICS_ROUTES,
    };
}

/* As if it were the engine of the worker, as far as the line of the access log is concerned. */
static void read_head(const struct luaserve *s, const struct story *story, struct ls_engine *e,
                      struct ls_field fields[FIELDS])
{
    const struct ls_head_limits limits = { LS_SLOT_HEAD, LS_SLOT_HEAD, FIELDS };
    *e = (struct ls_engine) { .site = &s->now->site, .head.fields = fields };
    snprintf(e->peer.ip, sizeof e->peer.ip, "%s", story->ip);
    snprintf(e->id, sizeof e->id, "%s", story->id);
    e->in.at = (char *)story->head.at;
    e->in.len = story->head.len;
    ls_head_reset(&e->head);
    e->parsed = ls_head_parse(&e->head, &limits, story->head.at, story->head.len) > 0;
}

static void tell(const struct luaserve *s, const struct story *story)
{
    struct ls_books books = own_books(s);
    uint64_t now = ls_clock_us();
    struct ls_field fields[FIELDS];
    struct ls_engine e;
    const struct ls_account_other other = { .method = story->method,
                                            .target = story->target,
                                            .route = (uint16_t)story->route,
                                            .status = (uint16_t)story->status,
                                            .us = story->began > 0 && story->began < now
                                                      ? now - story->began
                                                      : 0,
                                            .bytes = story->bytes };
    books.pid = story->pid;
    read_head(s, story, &e, fields);
    ls_account_other(&e, &books, &other);
}

void ls_accounting_told(struct luaserve *s, uint32_t client, const char id[17], int status,
                        uint64_t bytes)
{
    struct story story = story_of(ls_clients_slot(&s->clients, client));
    char ip[LS_ADDRESS_IP];
    if (!keeps_books(s))
        return;
    ls_address_ip(&s->clients.all[client].peer, ip);
    story.ip = ip;
    story.id = id;
    story.pid = s->clients.all[client].pid;
    story.status = status;
    story.bytes = bytes;
    tell(s, &story);
}

void ls_accounting_close(struct luaserve *s, uint32_t client)
{
    const struct ls_client *c = &s->clients.all[client];
    struct ls_account *a = &s->shared->accounts[client];
    const struct ls_books books = own_books(s);
    struct ls_traffic t;
    if (a->made == 0)
        return;
    ls_traffic_look(s, client, &t);
    ls_account_close(a, &books, c->answered ? c->sent_before : t.sent);
}

static void tell_last_words(struct luaserve *s, const struct ls_slot *slot)
{
    struct story story = story_of(slot);
    char id[17], ip[LS_ADDRESS_IP];
    ls_request_id(s->now->site.nonce, slot->client, slot->request, id);
    snprintf(ip, sizeof ip, "%.*s", LS_ADDRESS_IP - 1, slot->ip);
    story.ip = ip;
    story.id = id;
    story.pid = slot->pid;
    story.status = (int)atomic_load(&slot->told);
    story.bytes = slot->told_bytes;
    tell(s, &story);
}

void ls_accounting_close_pool(struct luaserve *s, uint32_t place)
{
    const struct ls_slot *slot = &s->shared->slots[place];
    struct ls_account *all = &s->shared->accounts[(size_t)place * s->pool.shared->max];
    uint32_t seats = atomic_load(&s->pool.shared->crowds[place].seats);
    const struct ls_books books = own_books(s);
    for (uint32_t i = 0; i < seats && i < s->pool.shared->max; i++)
        ls_account_close(&all[i], &books, atomic_load(&all[i].going));
    if (keeps_books(s) && atomic_load(&slot->told) > 0)
        tell_last_words(s, slot);
}

enum ls_cause ls_accounting_overrun(struct luaserve *s, const struct ls_slot *slot)
{
    bool cpu = atomic_load(&slot->interrupt_why) == LS_INTERRUPT_CPU;
    ls_tally(&ls_tallies_of(s)->budgets[cpu ? LS_BUDGET_CPU : LS_BUDGET_WALL], 1);
    return cpu ? LS_CAUSE_CPU : LS_CAUSE_WALL;
}

void ls_accounting_death(struct luaserve *s, const struct ls_death *death, enum ls_cause cause)
{
    int signal = WIFSIGNALED(death->status) ? WTERMSIG(death->status) : 0;
    if (cause == LS_CAUSE_EXIT && signal < LS_CAUSE_SIGNALS)
        cause = (enum ls_cause)signal;
    ls_tally(&ls_tallies_of(s)->deaths[cause], 1);
}
