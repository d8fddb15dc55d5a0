/* One client's connection, from its first byte to its last, without I/O: bytes are fed in and
 * taken out, and each step says what it needs next. Who meets the need, and how (by blocking, by
 * an event loop, from memory), is the driver's business.
 *
 *     READ → DISPATCH → RUN (WAITING …) → ANSWERED → READ …
 *                     \ a file, an error /          \ CLOSE → LINGER → OVER
 *                     \ PACK … /
 */
#ifndef LS_EXCHANGE_ENGINE_H
#define LS_EXCHANGE_ENGINE_H

#include "exchange/account.h"
#include "exchange/body.h"
#include "exchange/events.h"
#include "exchange/files.h"
#include "exchange/output.h"
#include "exchange/response.h"
#include "exchange/requestid.h"
#include "exchange/router.h"
#include "exchange/second.h"
#include "exchange/site.h"
#include "exchange/slot.h"
#include "http/date.h"
#include "os/ledger.h"
#include "os/net.h"

enum ls_need_kind {
    LS_NEED_INPUT,  /* at least one byte, or the end of input */
    LS_NEED_OUTPUT, /* write what is in `out`, all of it or some */
    LS_NEED_TIME,   /* nothing before `until` */
    LS_NEED_EVENTS, /* one of `events`; the engine's own input and output are not concerned */
    LS_NEED_END     /* the connection is over: shut down, close */
};

struct ls_need {
    enum ls_need_kind kind;
    enum ls_phase phase;      /* what the connection is in while it waits */
    uint64_t until;           /* TIME: µs of ls_clock_us */
    struct ls_events *events; /* EVENTS: of who waits, until it goes on */
};

struct ls_peer {
    char ip[LS_ADDRESS_IP]; /* "unix" for Unix sockets */
    uint16_t port;
};

struct ls_driver {
    /* The connection enters a phase that may last until `deadline` (µs of ls_clock_us; 0: no
     * end). False: somebody else has taken the client, and nothing more may be sent. */
    bool (*enter)(struct ls_driver *d, struct ls_engine *e, enum ls_phase phase, uint64_t deadline);
    /* Meets a need that a handler has, before it returns. 0, or -errno: the client is gone.
     * -EINTR: the handler is to be interrupted. */
    int (*block)(struct ls_driver *d, struct ls_engine *e, const struct ls_need *need);
    /* The client's socket, for handlers of live connections; -1: there is none. Still the driver's. */
    int (*socket)(struct ls_driver *d, struct ls_engine *e);
    /* What a handler that waits for LS_NEED_EVENTS has asked to be told of has happened. */
    void (*ring)(struct ls_driver *d, struct ls_engine *e);
    /* Makes a second process for the client whose handler runs, which goes on there too, with a driver of
     * its own. 1 in the first one, 0 in the second one; -errno. NULL: that cannot be. */
    int (*split)(struct ls_driver *d, struct ls_engine *e, struct ls_second *second);
    /* The first one is done with it. */
    void (*join)(struct ls_driver *d, const struct ls_second *second, enum ls_second_end end);
    void (*leave)(struct ls_driver *d,
                  struct ls_engine *e); /* the second one: ends it; does not return */
    bool yields; /* handlers are left while they wait, and resumed: `block` is for those that
                    cannot be left */
};

enum ls_pieces {                    /* what becomes of the pieces of a stream */
                 LS_PIECES_DROPPED, /* to HEAD, or with a status without content */
                 LS_PIECES_CHUNKED,
                 LS_PIECES_PLAIN /* up to the end of the connection */
};

enum ls_live {                   /* what a connection has become by now */
               LS_LIVE_NOT,      /* requests and responses */
               LS_LIVE_SCHEDULE, /* there is no client: a run of a schedule */
               LS_LIVE_EVENTS,   /* a response that goes on as long as the client is there */
               LS_LIVE_UPGRADED, /* the handler has the socket, after a 101 */
               LS_LIVE_RAW       /* the same from the first byte on: nobody ever speaks HTTP here */
};

enum ls_engine_state {
    LS_ENGINE_READ,     /* a head */
    LS_ENGINE_DISPATCH, /* to whoever answers */
    LS_ENGINE_RUN,      /* a handler is about to be started */
    LS_ENGINE_WAITING,  /* a handler has been left, and waits */
    LS_ENGINE_PACK,     /* a file is being compressed and sent, piece by piece */
    LS_ENGINE_ANSWERED, /* the answer is in `out`; the rest of the body is taken in */
    LS_ENGINE_CLOSE,    /* the answer was the last one */
    LS_ENGINE_LINGER,   /* it is out; the client may still be sending */
    LS_ENGINE_OVER
};

struct ls_engine {
    const struct ls_site *site;
    struct ls_driver *driver;
    struct ls_account *account;   /* where its answers are noted; NULL: nobody wants to know … */
    const struct ls_books *books; /* … or where they are counted and logged then */
    struct ls_peer peer;
    uint64_t client; /* number of the client */
    uint64_t seq;    /* number of the request at hand, from 1 */
    enum ls_phase phase;

    struct ls_input in;
    struct ls_head head;
    struct ls_target target;
    struct ls_body body;
    struct ls_buffer content; /* the body, as far as a handler has asked for it */
    int host;                 /* see ls_router_host */
    struct ls_match match;
    unsigned skip;      /* routes passed over */
    int handler_number; /* of the handler that is run, or was last */

    struct ls_response response;
    struct ls_output out;
    struct ls_packing *packing; /* of the file that is being compressed; NULL: none is */
    char id[17];                /* of the request: X-Request-Id, incident id */
    char date[LS_DATE_LEN];     /* of the last answer … */
    int64_t date_of;            /* … which is this second */

    struct ls_need need; /* of the handler that waits */
    void *handler;       /* the layer above's own */

    struct ls_limits
        limits; /* of the request at hand; a stream's wall is from one wait to the next */
    uint64_t
        begun_at; /* µs of ls_clock_us: when its head was there, or, unless answers are noted, its
                            handler began; 0: not yet */
    uint64_t since;      /* µs: of the request at hand, or of the wait for one; 0: not known yet */
    uint64_t wall_until; /* µs of ls_clock_us at which the handler has to be done */
    uint64_t body_from;  /* since when its body is waited for; 0: it is not */
    uint64_t body_time;  /* µs that it was waited for before */
    uint64_t paused_at;  /* since when it waits for the client, which does not count; 0: it runs */

    /* private */
    char *store; /* decoded target */
    size_t store_cap;
    enum ls_engine_state state;
    enum ls_pieces pieces;
    enum ls_live live;
    bool gone, torn; /* read-only: see ls_engine_gone, ls_engine_tear */
    bool eof, begun, parsed, keep, answering, streaming, flushed, continued;
    bool declined; /* a handler has returned app.next */
    bool noted;    /* its answer is, and goes on */
    bool unrouted; /* the handler for what no route answers has been asked */
    uint64_t drained;
};

/* 0 or -ENOMEM. `site` and `driver` outlive the engine. */
int ls_engine_init(struct ls_engine *e, const struct ls_site *site, struct ls_driver *driver);
/* A connection begins, or, when it has brought `seq` requests before, goes on with this engine. */
void ls_engine_open(struct ls_engine *e, uint64_t client, uint64_t seq, const struct ls_peer *peer);
void ls_engine_free(struct ls_engine *e);

/* Goes on until something is needed. After LS_NEED_END it is not called again. */
struct ls_need ls_engine_step(struct ls_engine *e);

/* INPUT: where the bytes go (empty only when memory is short), and how many came (0: the end of
 * input). */
struct ls_slice ls_engine_room(struct ls_engine *e);
void ls_engine_received(struct ls_engine *e, size_t len);
void ls_engine_gone(struct ls_engine *e); /* the connection broke: nothing can be sent any more */

/* Nothing of the connection is in the engine, but for the number of requests: it may go on with
 * another one, and this one with another connection. */
bool ls_engine_resting(const struct ls_engine *e);
void ls_engine_slim(struct ls_engine *e); /* then: gives back memory that few requests need */

/* For a driver that is its own clock: ends what the connection is at. A request, or the part of one
 * that has come, is answered with `status`, unless part of its answer is out. The engine is to be
 * stepped on, for what is left to be said; an engine that rests is over. */
void ls_engine_abandon(struct ls_engine *e, int status);

/* What was sent of this answer cannot be completed: the driver cuts the connection, so that no
 * client takes the part for the whole. */
void ls_engine_tear(struct ls_engine *e);

/* What this process asks of the kernel from now on is for this engine's request: the one at hand, or the one
 * to come. For a driver of several engines, before it does anything for one of them. */
static inline void ls_engine_record(const struct ls_engine *e)
{
    bool is_next = !e->begun && !ls_output_pending(&e->out);
    if (e->site->traced)
        ls_recorder_about(ls_request_number(e->site->nonce, e->client, e->seq + is_next));
}

/* ---- for handlers, while one of theirs runs ---- */

/* Records what the running handler waits for, and takes note of the clock. */
void ls_engine_set_need(struct ls_engine *e, enum ls_need_kind kind, enum ls_phase phase,
                        uint64_t until);
void ls_engine_set_events(struct ls_engine *e, struct ls_events *events); /* LS_NEED_EVENTS */
/* Lets it run again. False: the client was taken or has gone. */
bool ls_engine_enter_handler(struct ls_engine *e);

#endif
