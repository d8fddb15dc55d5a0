/* The answers of a connection that are on their way out, until they are counted (metrics.h) and logged
 * (access.h): in shared memory, so that whoever is left when their maker dies can do both in its place.
 *
 * An answer is noted when its head is made, with what there is to say of it, and where in the connection's
 * output it begins and ends. It is counted and logged once all of it has been given to the kernel, or it is
 * known that the rest never will be. */
#ifndef LS_EXCHANGE_ACCOUNT_H
#define LS_EXCHANGE_ACCOUNT_H

#include "exchange/access.h"
#include "exchange/metrics.h"

struct ls_engine;

enum {
    LS_ACCOUNT_ITEMS = 16,    /* answers that may be on their way */
    LS_ACCOUNT_TEXT = 7 << 10 /* bytes for their lines; there is always room for a whole one */
};

struct ls_account_item {
    uint64_t began;           /* µs of ls_clock_us: when somebody began to answer it */
    uint64_t from, body, end; /* positions in the output: of its head, of its body, behind it;
                                 end UINT64_MAX: it goes on */
    uint16_t route, status;
    uint8_t method, format;      /* of the line: enum ls_access_format */
    uint16_t at, before, behind; /* its line's text, as struct ls_access_text has it; none: 0 */
};

struct ls_account {            /* all zero: nothing is on its way */
    alignas(64) uint64_t made; /* items so far, … */
    uint64_t counted, logged;  /* … those of them that were counted, and logged: the first ones */
    uint64_t writing;          /* the same, with the one whose line may be being written */
    _Atomic uint64_t
        going;     /* position up to which the output was given to the kernel, or is being given
                               at the moment */
    uint32_t used; /* bytes of text */
    struct ls_account_item items[LS_ACCOUNT_ITEMS];
    char text[LS_ACCOUNT_TEXT];
};

struct ls_books { /* where one process counts and logs */
    struct ls_metrics_user user;
    const struct ls_metrics
        *metrics; /* which knows the names of routes, whether it counts or not */
    const struct ls_access *access;
    int pid;
};

/* Of an engine whose `account` is not NULL. Its head was just made, `from` being where it begins; its end
 * is in the output too, so that nothing will follow; it is not to be. */
void ls_account_begin(struct ls_engine *e, int status, uint64_t from);
void ls_account_end(struct ls_engine *e);
void ls_account_retract(struct ls_engine *e);

/* What is out whole by now is counted and logged. To be called before the connection enters another phase:
 * then whoever takes it over there finds nothing of what was before. */
void ls_account_settle(struct ls_engine *e, uint64_t now);

/* No more will be sent than the first `sent` bytes of the output: those that are whole, and those of which
 * a part is out, are counted and logged. */
void ls_account_close(struct ls_account *a, const struct ls_books *books, uint64_t sent);

/* Nothing more can be noted before something has been given to the kernel. */
static inline bool ls_account_is_full(const struct ls_account *a)
{
    return a && (a->made - a->logged == LS_ACCOUNT_ITEMS ||
                 LS_ACCOUNT_TEXT - a->used < LS_ACCESS_LINE - LS_ACCESS_NUMBERS);
}

/* An answer that somebody else gave to the request that `e` is at. */
struct ls_account_other {
    struct ls_slice method, target; /* where e has no head that was read */
    uint16_t route, status;
    uint64_t us, bytes;
};
void ls_account_other(const struct ls_engine *e, const struct ls_books *books,
                      const struct ls_account_other *other);

#endif
