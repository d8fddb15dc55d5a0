#include "exchange/roster.h"

#include <string.h>

enum {
    TRIES = 4
}; /* of a copy that nothing changes meanwhile; then one that was changed will do */

/* ---- reading ---- */

static void copy_text(char *to, const char *from, size_t size)
{
    memcpy(to, from, size);
    to[size - 1] = '\0';
}

static void read_slot(const struct ls_slot *slot, struct ls_row *row)
{
    row->pid = slot->pid;
    row->client = slot->client;
    row->opened = slot->opened;
    row->since = atomic_load(&slot->since);
    row->service = slot->service;
    row->port = slot->port;
    copy_text(row->ip, slot->ip, sizeof row->ip);
    copy_text(row->method, slot->method, sizeof row->method);
    copy_text(row->target, slot->target, sizeof row->target);
}

static void read_card(const struct ls_card *card, struct ls_row *row)
{
    row->client = card->client;
    row->opened = card->opened;
    row->since = atomic_load(&card->since);
    row->service = card->service;
    row->port = card->port;
    copy_text(row->ip, card->ip, sizeof row->ip);
    copy_text(row->method, card->method, sizeof row->method);
    copy_text(row->target, card->target, sizeof row->target);
}

/* Between two requests there is none, whatever is left of the last one. */
static bool conclude(struct ls_row *row, uint64_t word)
{
    row->phase = ls_slot_phase(word);
    row->seq = ls_slot_seq(word);
    if (row->phase <= LS_PHASE_HEAD)
        row->method[0] = row->target[0] = '\0';
    return row->phase != LS_PHASE_FREE;
}

static bool look_at_slot(const struct ls_slot *slot, uint32_t owner, struct ls_row *row)
{
    uint64_t word = atomic_load(&slot->word), after;
    *row = (struct ls_row) { .owner = owner };
    for (int i = 0; i < TRIES && word != 0; i++, word = after) {
        read_slot(slot, row);
        after = atomic_load(&slot->word);
        if (after == word)
            break;
    }
    return conclude(row, word);
}

static bool look_at_card(const struct ls_roster *r, uint32_t index, struct ls_row *row)
{
    const struct ls_card *card = &r->cards[index];
    uint32_t owner = atomic_load(&r->owners[index]);
    *row = (struct ls_row) { .owner = owner };
    if (owner == 0 || owner > r->worker_count)
        return false;
    uint64_t word = atomic_load(&card->word), after;
    for (int i = 0; i < TRIES && word != 0; i++, word = after) {
        read_card(card, row);
        after = atomic_load(&card->word);
        if (after == word)
            break;
    }
    row->pid = r->workers[owner - 1].pid;
    return conclude(row, word);
}

uint64_t ls_roster_word(const struct ls_roster *r, uint32_t index)
{
    if (index >= atomic_load(&r->top) || index >= (r->clients ? r->max_clients : r->card_count))
        return 0;
    return atomic_load(r->clients ? &r->clients[index].word : &r->cards[index].word);
}

uint32_t ls_roster_count_of(const struct ls_roster *r, uint32_t owner)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < atomic_load(&r->top) && i < r->card_count; i++)
        count += atomic_load(&r->owners[i]) == owner && atomic_load(&r->cards[i].word) != 0;
    return count;
}

bool ls_roster_client(const struct ls_roster *r, uint32_t index, struct ls_row *row)
{
    if (ls_roster_word(r, index) == 0)
        return false;
    return r->clients ? look_at_slot(&r->clients[index], index + 1, row)
                      : look_at_card(r, index, row);
}

bool ls_roster_worker(const struct ls_roster *r, uint32_t index, struct ls_row *row)
{
    if (index >= r->worker_count)
        return false;
    look_at_slot(&r->workers[index], index + 1, row);
    row->pid = r->workers[index].pid; /* who has run nothing yet is there too */
    return row->pid > 0;
}

bool ls_roster_side(const struct ls_roster *r, uint32_t index, struct ls_row *row)
{
    return index < atomic_load(r->side_top) && look_at_slot(&r->sides[index], 0, row);
}

/* ---- writing ---- */

void ls_roster_introduce(struct ls_slot *slot, const char *ip, uint16_t port, uint32_t service,
                         uint64_t now)
{
    slot->opened = now;
    slot->port = port;
    slot->service = service;
    ls_slot_text(slot->ip, sizeof slot->ip, ls_slice_of(ip));
    atomic_store(&slot->since, now);
}

void ls_roster_reach(struct ls_roster *r, uint32_t index)
{
    uint32_t top = atomic_load(&r->top);
    while (top <= index && !atomic_compare_exchange_weak(&r->top, &top, index + 1))
        ;
}

void ls_roster_left(struct ls_roster *r, uint64_t word)
{
    atomic_fetch_add_explicit(&r->requests, ls_slot_seq(word), memory_order_relaxed);
}

static struct ls_card *claim(struct ls_roster *r, struct ls_hand *hand)
{
    for (; hand->next < r->card_count; hand->next++) {
        uint32_t nobody = 0;
        if (atomic_load_explicit(&r->owners[hand->next], memory_order_relaxed) != 0 ||
            !atomic_compare_exchange_strong(&r->owners[hand->next], &nobody, hand->owner))
            continue;
        ls_roster_reach(r, hand->next);
        return &r->cards[hand->next++];
    }
    hand->next = 0;
    return NULL;
}

struct ls_card *ls_roster_take(struct ls_roster *r, struct ls_hand *hand)
{
    return hand->spares > 0 ? hand->spare[--hand->spares] : claim(r, hand);
}

static void lay_down(struct ls_roster *r, struct ls_card *card)
{
    ls_roster_left(r, atomic_exchange(&card->word, 0));
    card->described = 0;
}

void ls_roster_leave(struct ls_roster *r, struct ls_hand *hand, struct ls_card *card)
{
    uint32_t index = (uint32_t)(card - r->cards);
    lay_down(r, card);
    if (hand->spares < LS_HAND_SPARES) {
        hand->spare[hand->spares++] = card;
        return;
    }
    hand->next = index < hand->next ? index : hand->next;
    atomic_store(&r->owners[index], 0);
}

void ls_roster_desert(struct ls_roster *r, uint32_t owner)
{
    for (uint32_t i = 0; i < atomic_load(&r->top) && i < r->card_count; i++) {
        if (atomic_load(&r->owners[i]) != owner)
            continue;
        lay_down(r, &r->cards[i]);
        atomic_store(&r->owners[i], 0);
    }
}

void ls_card_describe(struct ls_card *card, uint64_t request, struct ls_slice method,
                      struct ls_slice target)
{
    card->described = request;
    ls_slot_text(card->method, sizeof card->method, method);
    ls_slot_text(card->target, sizeof card->target, target);
}
