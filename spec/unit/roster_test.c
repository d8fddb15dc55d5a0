/* Who is there: cards that are taken and given back, owners that die, and readers of what others write. */
#include "exchange/roster.h"

#include <pthread.h>
#include <stdlib.h>

#include "unit.h"

enum { CARDS = 80, WORKERS = 4, ROUNDS = 200000 };

static struct ls_card cards[CARDS];
static _Atomic uint32_t owners[CARDS];
static struct ls_slot workers[WORKERS], clients[WORKERS], sides[1];
static _Atomic uint32_t side_top, newest;

static struct ls_roster pool(void)
{
    memset(cards, 0, sizeof cards);
    memset(owners, 0, sizeof owners);
    memset(workers, 0, sizeof workers);
    for (int i = 0; i < WORKERS; i++)
        workers[i].pid = 100 + i;
    return (struct ls_roster) { .workers = workers,
                                .worker_count = WORKERS,
                                .cards = cards,
                                .owners = owners,
                                .card_count = CARDS,
                                .sides = sides,
                                .side_top = &side_top,
                                .newest = &newest };
}

static uint32_t rows(const struct ls_roster *r)
{
    struct ls_row row;
    uint32_t count = 0;
    for (uint32_t i = 0; i < CARDS + 1; i++)
        count += ls_roster_client(r, i, &row);
    return count;
}

static void a_card_is_shown_once_it_says_a_word(void)
{
    struct ls_roster r = pool();
    struct ls_hand hand = { .owner = 2 };
    struct ls_row row;
    struct ls_card *card = ls_roster_take(&r, &hand);
    CHECK(card == cards);
    CHECK_INT(rows(&r), 0);
    card->client = 7;
    ls_card_describe(card, 3, LS_SLICE("GET"), LS_SLICE("/a?b"));
    ls_card_enter(card, ls_slot_word(3, LS_PHASE_HANDLER), 9);
    CHECK(ls_roster_client(&r, 0, &row));
    CHECK(row.pid == 101 && row.client == 7 && row.seq == 3 && row.since == 9);
    CHECK(row.phase == LS_PHASE_HANDLER && strcmp(row.target, "/a?b") == 0);
    CHECK_INT(ls_roster_count_of(&r, 2), 1);
    ls_card_enter(card, ls_slot_word(3, LS_PHASE_IDLE), 9);
    CHECK(ls_roster_client(&r, 0, &row) && row.target[0] == '\0');
    ls_roster_leave(&r, &hand, card);
    CHECK_INT(rows(&r), 0);
    CHECK_INT((int)atomic_load(&r.requests), 3);
}

static void the_lowest_are_used_again(void)
{
    struct ls_roster r = pool();
    struct ls_hand hand = { .owner = 1 };
    struct ls_card *mine[CARDS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CARDS; i++)
            CHECK((mine[i] = ls_roster_take(&r, &hand)) != NULL);
        CHECK(ls_roster_take(&r, &hand) == NULL);
        for (int i = CARDS; i-- > 0;)
            ls_roster_leave(&r, &hand, mine[i]);
    }
    for (int i = 0; i < ROUNDS; i++) {
        struct ls_card *card = ls_roster_take(&r, &hand);
        CHECK(card != NULL);
        ls_roster_leave(&r, &hand, card);
    }
}

static void the_dead_leave_theirs(void)
{
    struct ls_roster r = pool();
    struct ls_hand one = { .owner = 1 }, other = { .owner = 2 };
    for (int i = 0; i < 10; i++) {
        ls_card_enter(ls_roster_take(&r, &one), ls_slot_word(2, LS_PHASE_IDLE), 1);
        ls_card_enter(ls_roster_take(&r, &other), ls_slot_word(3, LS_PHASE_BODY), 1);
    }
    ls_roster_desert(&r, 1);
    CHECK_INT(rows(&r), 10);
    CHECK_INT(ls_roster_count_of(&r, 1), 0);
    CHECK_INT(ls_roster_count_of(&r, 2), 10);
    CHECK_INT((int)atomic_load(&r.requests), 20);
    CHECK(ls_roster_take(&r, &other) != NULL);
}

/* Memory that anybody may have written to. */
static void garbage_is_read_within_bounds(void)
{
    struct ls_roster r = pool();
    struct ls_row row;
    atomic_store(&r.top, UINT32_MAX);
    memset(cards, 0xff, sizeof cards);
    memset(owners, 0xff, sizeof owners);
    CHECK_INT(rows(&r), 0);
    for (int i = 0; i < CARDS; i++)
        atomic_store(&owners[i], 1);
    CHECK(ls_roster_client(&r, CARDS - 1, &row));
    CHECK(strlen(row.target) == sizeof row.target - 1 && strlen(row.ip) == sizeof row.ip - 1);
    CHECK(strcmp(ls_phase_name(row.phase), "?") == 0);
    CHECK(!ls_roster_client(&r, CARDS, &row));
    memset(clients, 0xff, sizeof clients);
    r = (struct ls_roster) { .clients = clients, .max_clients = WORKERS, .top = UINT32_MAX };
    CHECK(ls_roster_client(&r, WORKERS - 1, &row) && !ls_roster_client(&r, WORKERS, &row));
    CHECK(strlen(row.method) == sizeof row.method - 1);
}

static struct ls_roster shared;

static void *come_and_go(void *number)
{
    struct ls_hand hand = { .owner = (uint32_t)(uintptr_t)number };
    for (uint64_t i = 1; i <= ROUNDS / 10; i++) {
        struct ls_card *card = ls_roster_take(&shared, &hand);
        if (!card)
            continue;
        if (atomic_load(&shared.owners[card - shared.cards]) != hand.owner)
            return "taken twice";
        ls_card_enter(card, ls_slot_word(1, LS_PHASE_IDLE), i);
        ls_roster_leave(&shared, &hand, card);
    }
    return NULL;
}

static void many_never_share_a_card(void)
{
    pthread_t threads[WORKERS];
    void *fault;
    shared = pool();
    for (uintptr_t i = 0; i < WORKERS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, come_and_go, (void *)(i + 1)), 0);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], &fault);
        CHECK(fault == NULL);
    }
    CHECK_INT(rows(&shared), 0);
    CHECK_INT((int)atomic_load(&shared.requests), WORKERS * (ROUNDS / 10));
}

static const struct unit_test tests[] = {
    { "a card is shown once it says a word", a_card_is_shown_once_it_says_a_word },
    { "the lowest are used again", the_lowest_are_used_again },
    { "the dead leave theirs", the_dead_leave_theirs },
    { "garbage is read within bounds", garbage_is_read_within_bounds },
    { "many never share a card", many_never_share_a_card },
};

int main(void)
{
    return unit_main(tests, sizeof tests / sizeof *tests);
}
