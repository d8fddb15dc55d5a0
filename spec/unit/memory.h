/* A driver of the engine without a socket: bytes come from memory and go there, one at a time if
 * asked, and handlers may be left at every wait. */
#ifndef MEMORY_H
#define MEMORY_H

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/engine.h"
#include "os/sys.h"

struct memory {
    struct ls_driver driver; /* first: the engine knows its driver by it */
    struct ls_engine engine;
    struct ls_slice in;   /* not fed yet */
    size_t chop;          /* bytes fed, or taken, at a time */
    struct ls_buffer out; /* taken */
    unsigned waits[4];    /* by kind of need */
    unsigned blocked;
    uint64_t deadline; /* of the phase entered last */
    bool refuse;       /* `enter` says that somebody else has the client */
};

static inline bool memory_enter(struct ls_driver *d, struct ls_engine *e, enum ls_phase phase,
                                uint64_t deadline)
{
    struct memory *m = (struct memory *)d;
    (void)e, (void)phase;
    m->deadline = deadline;
    return !m->refuse;
}

static inline void memory_feed(struct memory *m)
{
    struct ls_slice room = ls_engine_room(&m->engine);
    size_t len = m->in.len < m->chop ? m->in.len : m->chop;
    if (len > room.len)
        len = room.len;
    if (len > 0)
        memcpy((char *)room.at, m->in.at, len);
    m->in = ls_slice_from(m->in, len);
    ls_engine_received(&m->engine, len);
}

static inline int memory_take_file(struct memory *m, struct ls_stretch *stretch)
{
    size_t len = stretch->left < m->chop ? (size_t)stretch->left : m->chop;
    if (ls_buffer_reserve(&m->out, len) < 0)
        return -ENOMEM;
    long got = ls_sys_pread64(m->engine.out.file, m->out.at + m->out.len, len, stretch->at);
    if (got <= 0)
        return -EIO;
    m->out.len += (size_t)got;
    stretch->at += got;
    ls_output_file_sent(&m->engine.out, (uint64_t)got);
    return 0;
}

static inline int memory_take(struct memory *m)
{
    struct ls_slice ahead = ls_output_ahead(&m->engine.out);
    if (ahead.len == 0)
        return memory_take_file(m, ls_output_stretch(&m->engine.out));
    if (ahead.len > m->chop)
        ahead.len = m->chop;
    ls_buffer_slice(&m->out, ahead);
    ls_output_sent(&m->engine.out, ahead.len);
    return 0;
}

static inline int memory_meet(struct memory *m, const struct ls_need *need)
{
    m->waits[need->kind]++;
    switch (need->kind) {
    case LS_NEED_INPUT:
        memory_feed(m);
        return 0;
    case LS_NEED_OUTPUT:
        return memory_take(m);
    case LS_NEED_TIME:
        while (ls_clock_us() < need->until)
            ;
        return 0;
    case LS_NEED_END:
    default:
        return 0;
    }
}

static inline int memory_block(struct ls_driver *d, struct ls_engine *e, const struct ls_need *need)
{
    struct memory *m = (struct memory *)d;
    (void)e;
    m->blocked++;
    return memory_meet(m, need);
}

/* 0 or -ENOMEM. `site` and `in` outlive the run. */
static inline int memory_begin(struct memory *m, const struct ls_site *site, struct ls_slice in,
                               size_t chop, bool yields)
{
    const struct ls_peer peer = { "127.0.0.1", 4711 };
    *m = (struct memory) { .in = in, .chop = chop };
    m->driver =
        (struct ls_driver) { .enter = memory_enter, .block = memory_block, .yields = yields };
    int err = ls_engine_init(&m->engine, site, &m->driver);
    if (err == 0)
        ls_engine_open(&m->engine, 1, 0, &peer);
    return err;
}

/* To the end of the connection; false when it took more than `most` steps. */
static inline bool memory_run(struct memory *m, long most)
{
    for (long steps = 0; steps < most; steps++) {
        struct ls_need need = ls_engine_step(&m->engine);
        if (need.kind == LS_NEED_END)
            return true;
        if (memory_meet(m, &need) < 0)
            ls_engine_tear(&m->engine);
    }
    return false;
}

static inline void memory_end(struct memory *m)
{
    ls_engine_free(&m->engine);
    ls_buffer_free(&m->out);
}

/* The value of a field that differs from run to run, as dashes. */
static inline void memory_blank(struct ls_buffer *out, const char *field)
{
    char *at = out->at, *end = out->at + out->len;
    while ((at = memmem(at, (size_t)(end - at), field, strlen(field))) != NULL)
        for (at += strlen(field); at < end && *at != '\r'; at++)
            *at = '-';
}

#endif
