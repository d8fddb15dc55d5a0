/* What the supervisor and one worker know of each other, in shared memory.
 *
 * The request's number and the phase of the connection are one word, changed only by
 * compare-and-swap: whoever moves it out of a phase owns what comes next. A worker that cannot
 * leave its phase has lost the client to the supervisor and writes no further byte; a supervisor
 * that cannot take it came too late. So exactly one of them answers a request, and nothing meant
 * for request N reaches N+1.
 *
 * The deadline is stored before the word that it belongs to: whoever reads the word first and the
 * deadline then never holds a new phase against an old deadline. */
#ifndef LS_EXCHANGE_SLOT_H
#define LS_EXCHANGE_SLOT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "os/crash.h"
#include "os/net.h"

enum ls_phase {
    LS_PHASE_FREE,    /* no client */
    LS_PHASE_START,   /* cloned, has not run yet */
    LS_PHASE_IDLE,    /* waits for the first byte of a request */
    LS_PHASE_HEAD,    /* has part of a head */
    LS_PHASE_BODY,    /* waits for the body */
    LS_PHASE_HANDLER, /* the handler runs */
    LS_PHASE_SEND,    /* a response is being written */
    LS_PHASE_LIVE,    /* a handler waits that has the connection for itself */
    LS_PHASE_LINGER,  /* said its last; reads on, so that the client can read the answer */
    LS_PHASE_GONE,    /* the worker is done and will exit */
    LS_PHASE_TORN,    /* the same, and its answer cannot be completed: cut the connection */
    LS_PHASE_TAKEN,   /* the supervisor has taken the client over */
    LS_PHASES
};

enum { LS_SLOT_METHOD = 16, LS_SLOT_TARGET = 256, LS_SLOT_HEAD = 1024, LS_SLOT_CAUSE = 128 };

struct ls_slot {
    alignas(64) _Atomic uint64_t word; /* seq << 8 | phase */
    _Atomic uint64_t deadline;  /* µs of ls_clock_us at which the phase ends by force; 0: never */
    _Atomic uint64_t interrupt; /* the request whose handler is to be interrupted; 0: none */
    _Atomic uint32_t interrupt_why; /* enum ls_interrupt, set before the above */
    _Atomic uint32_t left; /* 1: the client's reading process has ended; the writing one is to */
    _Atomic uint64_t cpu, send_timeout; /* µs: limits of the request at hand */
    _Atomic uint64_t settled_out;       /* bytes of responses that are complete, and of 1xx ones */
    _Atomic uint64_t settled_in;        /* bytes of requests that have been answered */
    /* What both will be once the answers that wait to be written are out whole; set before the
     * first byte of them is written, so that a death right behind the last one is no torn answer.
     * 0: nothing of the kind. */
    _Atomic uint64_t promised_out, promised_in;
    _Atomic uint64_t begun;    /* the last request whose answer went out in part, to be continued */
    _Atomic uint32_t detached; /* futex: 1 once the worker has a descriptor table of its own */
    int32_t pid;
    uint32_t route;         /* of the request at hand: its number in metrics.h */
    _Atomic uint64_t began; /* µs of ls_clock_us: when that request was there; 0: not known */
    uint64_t client;        /* number of this client, from 1; the request id's root */
    uint64_t request; /* mode "pool": which of that client's; there the word counts all that run */
    _Atomic uint64_t since; /* µs: of the request at hand, or of the wait for one */
    uint64_t opened;        /* µs: since when the client, or the process, is there */
    uint32_t service;       /* that it came to; 0: HTTP */
    uint16_t port;
    char ip[LS_ADDRESS_IP]; /* mode "pool": of the client whose request is at hand */
    char method[LS_SLOT_METHOD], target[LS_SLOT_TARGET]; /* of the request at hand, cut, NUL */
    _Atomic uint32_t
        told; /* mode "pool": the status that its client was told as the worker's last word */
    uint32_t told_bytes; /* of the body of that */
    uint32_t head_len;
    char head[LS_SLOT_HEAD];   /* the same request's, cut, as it came */
    struct ls_crash crash;     /* what the worker's last fault was */
    char cause[LS_SLOT_CAUSE]; /* what the worker itself has to say of its end ("os.exit(3)") */
};

static inline enum ls_phase ls_slot_phase(uint64_t word)
{
    return (enum ls_phase)(word & 0xff);
}

static inline uint64_t ls_slot_seq(uint64_t word)
{
    return word >> 8;
}

static inline uint64_t ls_slot_word(uint64_t seq, enum ls_phase phase)
{
    return seq << 8 | phase;
}

/* True when the word was `from` and is `to` now. */
static inline bool ls_slot_move(struct ls_slot *slot, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong(&slot->word, &from, to);
}

/* Copies a text that is cut where there is no room for more, and ends it with NUL. */
void ls_slot_text(char *to, size_t size, struct ls_slice text);

/* Says which request is at hand. */
void ls_slot_describe(struct ls_slot *slot, struct ls_slice method, struct ls_slice target,
                      struct ls_slice head);

static inline const char *ls_phase_name(enum ls_phase phase)
{
    static const char *const names[LS_PHASES] = { "free",   "start",   "idle", "head",
                                                  "body",   "handler", "send", "live",
                                                  "linger", "gone",    "torn", "taken" };
    return phase < LS_PHASES ? names[phase] : "?";
}

#endif
