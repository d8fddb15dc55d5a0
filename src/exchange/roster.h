/* Who is there: what observers see of a server's processes and clients, in the memory that they share.
 *
 * Others write while it is read, and whoever does may be killed in the middle: what is read is copied within
 * bounds, and no text is believed to have an end. */
#ifndef LS_EXCHANGE_ROSTER_H
#define LS_EXCHANGE_ROSTER_H

#include "exchange/slot.h"

/* Of a client of mode "pool", where its worker's slot is that of many. It belongs to the process whose number
 * stands in `owners`, which alone writes to it. */
struct ls_card {
    alignas(64) _Atomic uint64_t word; /* as a slot's */
    _Atomic uint64_t since;            /* the same */
    uint64_t client, opened;
    uint64_t described; /* the request whose method and target it holds */
    uint32_t service;
    uint16_t port;
    char ip[LS_ADDRESS_IP];
    char method[LS_SLOT_METHOD], target[LS_SLOT_TARGET];
};

struct ls_roster {
    const char *mode;
    int supervisor; /* its pid */
    uint32_t max_clients;
    uint64_t started;               /* µs */
    const _Atomic uint32_t *newest; /* generation */
    struct ls_slot *clients;        /* mode "fork"; NULL in mode "pool", which has … */
    struct ls_slot *workers;        /* … these … */
    uint32_t worker_count;
    struct ls_card *cards; /* … and these, a few more than max_clients */
    _Atomic uint32_t *owners;
    uint32_t card_count;
    struct ls_slot *sides;
    const _Atomic uint32_t
        *side_top;             /* of these slots the first ones were ever used, up to this … */
    _Atomic uint32_t top;      /* … as of clients or cards */
    _Atomic uint64_t requests; /* of clients that have left */
};

enum { LS_HAND_SPARES = 32 };

struct ls_hand {    /* what a process of mode "pool" has of the cards */
    uint32_t owner; /* its number */
    uint32_t next;  /* before this one there is hardly a free one */
    uint32_t spares;
    struct ls_card *spare[LS_HAND_SPARES]; /* its own, but at the moment nobody's */
};

struct ls_row { /* a copy */
    int pid;
    uint32_t owner; /* number of the process */
    enum ls_phase phase;
    uint64_t client, seq, opened, since;
    uint32_t service;
    uint16_t port;
    char ip[LS_ADDRESS_IP], method[LS_SLOT_METHOD], target[LS_SLOT_TARGET];
};

/* ---- for observers: false where nobody is ---- */

uint64_t ls_roster_word(const struct ls_roster *r, uint32_t index); /* of a client; 0: nobody */
uint32_t ls_roster_count_of(const struct ls_roster *r, uint32_t owner);
bool ls_roster_client(const struct ls_roster *r, uint32_t index, struct ls_row *row);
bool ls_roster_worker(const struct ls_roster *r, uint32_t index, struct ls_row *row);
bool ls_roster_side(const struct ls_roster *r, uint32_t index, struct ls_row *row);

/* ---- for those who write ---- */

/* Says who it is that has come to the slot. */
void ls_roster_introduce(struct ls_slot *slot, const char *ip, uint16_t port, uint32_t service,
                         uint64_t now);

/* The slot or card of that index is in use. */
void ls_roster_reach(struct ls_roster *r, uint32_t index);

/* A client has left that had this word. */
void ls_roster_left(struct ls_roster *r, uint64_t word);

/* A card for a client of that process, of which only the word is set, which says FREE; NULL: there is none. */
struct ls_card *ls_roster_take(struct ls_roster *r, struct ls_hand *hand);
void ls_roster_leave(struct ls_roster *r, struct ls_hand *hand, struct ls_card *card);
void ls_roster_desert(struct ls_roster *r, uint32_t owner); /* that process has died */

static inline void ls_card_enter(struct ls_card *card, uint64_t word, uint64_t since)
{
    atomic_store_explicit(&card->since, since, memory_order_relaxed);
    atomic_store_explicit(&card->word, word, memory_order_release);
}

void ls_card_describe(struct ls_card *card, uint64_t request, struct ls_slice method,
                      struct ls_slice target);

#endif
