#include "server/sides.h"

#include <errno.h>

#include "os/sys.h"

enum state {
    FREE,
    RESERVED,
    LIVES,
    ENDS /* it lives, and its end has been asked for: nobody is to wonder */
};

/* From the lowest bit on: state, owner, pid (PID_MAX_LIMIT is 2^22), ticket. */
enum { STATE_BITS = 2, OWNER_BITS = 22, PID_BITS = 22 };
enum { OWNER_AT = STATE_BITS, PID_AT = OWNER_AT + OWNER_BITS, TICKET_AT = PID_AT + PID_BITS };

static uint64_t field(uint64_t word, int at, int bits)
{
    return word >> at & ((1ull << bits) - 1);
}

static enum state state_of(uint64_t word)
{
    return (enum state)field(word, 0, STATE_BITS);
}

static int pid_of(uint64_t word)
{
    return (int)field(word, PID_AT, PID_BITS);
}

static bool move(struct ls_side_place *place, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong(&place->word, &from, to);
}

static uint64_t in_state(uint64_t word, enum state state)
{
    return (word & ~(uint64_t)ENDS) | state;
}

static void raise_top(struct ls_sides *s, uint32_t top)
{
    uint32_t now = atomic_load(&s->top);
    while (now < top && !atomic_compare_exchange_weak(&s->top, &now, top))
        ;
}

int64_t ls_sides_reserve(struct ls_sides *s, uint32_t owner, struct ls_side *side, uint64_t *ticket)
{
    uint64_t number = atomic_fetch_add(&s->tickets, 1) + 1u;
    *ticket = number << TICKET_AT | (uint64_t)owner << OWNER_AT | RESERVED;
    atomic_fetch_add(&s->taken, 1); /* first: whoever dies in the middle is looked for */
    for (uint32_t i = 0; i < s->count; i++) {
        struct ls_side_place *place = &s->all[i];
        if (atomic_load_explicit(&place->word, memory_order_relaxed))
            continue;
        raise_top(s, i + 1);
        if (!move(place, FREE, *ticket))
            continue;
        atomic_store(&place->side, side);
        return i;
    }
    atomic_fetch_sub(&s->taken, 1);
    return -EAGAIN;
}

bool ls_sides_is_reserved(const struct ls_sides *s, uint32_t index, uint64_t ticket)
{
    return atomic_load(&s->all[index].word) == ticket;
}

bool ls_sides_enter(struct ls_sides *s, uint32_t index, uint64_t ticket)
{
    uint64_t pid = (uint64_t)ls_sys_getpid();
    return move(&s->all[index], ticket, in_state(ticket | pid << PID_AT, LIVES));
}

void ls_sides_cancel(struct ls_sides *s, uint32_t index, uint64_t ticket)
{
    if (move(&s->all[index], ticket, FREE))
        atomic_fetch_sub(&s->taken, 1);
}

void ls_sides_dismiss(struct ls_sides *s, uint32_t index, uint64_t ticket)
{
    uint64_t word = atomic_load(&s->all[index].word);
    if (state_of(word) == LIVES && word >> TICKET_AT == ticket >> TICKET_AT)
        move(&s->all[index], word, in_state(word, ENDS));
}

uint32_t ls_sides_top(const struct ls_sides *s)
{
    return atomic_load(&s->taken) > 0 ? atomic_load(&s->top) : 0;
}

int64_t ls_sides_find(const struct ls_sides *s, int pid)
{
    for (uint32_t i = 0; i < ls_sides_top(s); i++) {
        uint64_t word = atomic_load(&s->all[i].word);
        if (state_of(word) >= LIVES && pid_of(word) == pid)
            return i;
    }
    return -1;
}

bool ls_sides_are_empty(const struct ls_sides *s)
{
    for (uint32_t i = 0; i < ls_sides_top(s); i++)
        if (atomic_load(&s->all[i].word) != 0)
            return false;
    return true;
}

bool ls_sides_leave(struct ls_sides *s, uint32_t index)
{
    uint64_t word = atomic_exchange(&s->all[index].word, FREE);
    atomic_fetch_sub(&s->taken, 1);
    return state_of(word) == LIVES;
}

int ls_sides_pid(const struct ls_sides *s, uint32_t index)
{
    uint64_t word = atomic_load(&s->all[index].word);
    return state_of(word) >= LIVES ? pid_of(word) : 0;
}

bool ls_sides_is_wanted(const struct ls_sides *s, uint32_t index)
{
    return state_of(atomic_load(&s->all[index].word)) == LIVES;
}

uint32_t ls_sides_owner(const struct ls_sides *s, uint32_t index)
{
    return (uint32_t)field(atomic_load(&s->all[index].word), OWNER_AT, OWNER_BITS);
}

static void orphan(struct ls_sides *s, uint32_t index, uint64_t word, bool (*kill)(int pid))
{
    if (state_of(word) == RESERVED)
        ls_sides_cancel(s, index, word);
    word = atomic_load(&s->all[index].word); /* it may just have come */
    if (state_of(word) >= LIVES && kill(pid_of(word)))
        move(&s->all[index], word, in_state(word, ENDS)); /* which it may be already */
}

void ls_sides_orphan(struct ls_sides *s, uint32_t owner, bool (*kill)(int pid))
{
    for (uint32_t i = 0; i < ls_sides_top(s); i++) {
        uint64_t word = atomic_load(&s->all[i].word);
        if (word != 0 && field(word, OWNER_AT, OWNER_BITS) == owner)
            orphan(s, i, word, kill);
    }
}
