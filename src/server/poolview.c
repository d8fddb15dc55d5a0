#include "server/poolview.h"

#include <string.h>

void ls_poolview_publish(struct ls_poolworker *w, struct ls_seat *seat, uint64_t deadline)
{
    struct ls_engine *e = &seat->engine;
    struct ls_slot *slot = w->self.slot;
    w->running = seat;
    slot->client = e->client;
    slot->request = e->seq;
    slot->route = e->match.route ? e->match.route->series : 0;
    atomic_store_explicit(&slot->began, e->begun_at, memory_order_relaxed);
    if (e->account)
        memcpy(slot->ip, e->peer.ip, sizeof e->peer.ip);
    ls_slot_describe(slot, ls_span_slice(e->in.at, e->head.method_token),
                     ls_span_slice(e->in.at, e->head.target),
                     (struct ls_slice) { e->in.at, e->in.head });
    atomic_store_explicit(&slot->cpu, e->limits.cpu, memory_order_relaxed);
    atomic_store_explicit(&slot->deadline, deadline, memory_order_release);
    w->self.word = ls_slot_word(++w->runs, LS_PHASE_HANDLER);
    atomic_store_explicit(&slot->word, w->self.word, memory_order_release);
}

void ls_poolview_unpublish(struct ls_poolworker *w)
{
    if (!w->running)
        return;
    w->running = NULL;
    w->self.word = ls_slot_word(w->runs, LS_PHASE_IDLE);
    atomic_store_explicit(&w->self.slot->word, w->self.word, memory_order_release);
}

void ls_poolview_show(const struct ls_engine *e, struct ls_card *card)
{
    if (e->parsed && card->described != e->seq)
        ls_card_describe(card, e->seq, ls_span_slice(e->in.at, e->head.method_token),
                         ls_span_slice(e->in.at, e->head.target));
    ls_card_enter(card, ls_slot_word(e->seq, e->phase), e->since);
}
