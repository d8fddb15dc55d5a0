/* Channels: messages from any process of a server to all that have subscribed to a name.
 *
 * A channel is a ring of messages in shared memory, each of which stands there once. Publishers append under a
 * lock, so that all subscribers see the same order; subscribers read without one, each at its own place.
 * Nobody waits for them: whoever is slower than the ring is long goes on with the oldest message that is left,
 * and is told how many it has missed.
 *
 * Which process subscribes to what is a table of counters, that only it and, after its death, whoever reaps
 * it write. A channel without subscribers has no messages, and its place goes to the next name. */
#ifndef LS_EXCHANGE_CHANNEL_H
#define LS_EXCHANGE_CHANNEL_H

#include "base/buffer.h"
#include "exchange/kin.h"

struct ls_channels; /* in shared memory */
struct ls_engine;

enum { LS_CHANNELS = 1024, LS_CHANNEL_NAME = 200 }; /* of a server; bytes */

size_t ls_channels_size(uint32_t processes, size_t ring); /* bytes of the memory */
/* In zeroed memory of that size. ring: bytes of each channel's, a multiple of 64. */
void ls_channels_init(struct ls_channels *c, uint32_t processes, size_t ring);

struct ls_subscription {
    struct ls_subscription *next; /* of this process to this channel */
    uint32_t channel;
    uint32_t generation;           /* of what the channel's place is used for; 0: it is over */
    uint64_t at;                   /* bytes: where the next message begins */
    uint64_t number;               /* of the next message */
    struct ls_engine *e;           /* whose handler is to be told of messages */
    const struct ls_engine *owner; /* whose handler has subscribed */
};

/* What one process knows of them. */
struct ls_hub {
    struct ls_channels *channels;
    struct ls_kin *kin; /* of all processes, by number less 1 */
    uint32_t number;    /* our own */
    struct ls_bell *bell;
    struct ls_subscription *local[LS_CHANNELS];
    uint64_t heads[LS_CHANNELS];       /* up to where those have been told */
    uint32_t used[LS_CHANNELS], count; /* channels that have any */
};

/* 0; -EINVAL: the name is empty or longer than LS_CHANNEL_NAME; -ENOSPC: all channels are taken;
 * -EMFILE: this process has 65535 subscriptions to it; -errno: no bell. Messages that are published from now on
 * come. */
int ls_channel_subscribe(struct ls_hub *hub, struct ls_slice name, struct ls_subscription *s);
void ls_channel_unsubscribe(struct ls_hub *hub, struct ls_subscription *s);

/* Has something been published that it has not been given? */
bool ls_channel_has_news(const struct ls_hub *hub, const struct ls_subscription *s);

/* The next message, appended to `out`. 1: *kind, and how many were missed before it; 0: there is none; -ENOMEM.
 */
int ls_channel_next(struct ls_hub *hub, struct ls_subscription *s, struct ls_buffer *out,
                    uint32_t *kind, uint64_t *missed);

struct ls_channel_place {         /* where a name was found last: publishing to it again is quick */
    uint32_t channel, generation; /* generation 0: not yet */
};

/* To how many subscriptions it goes; -EINVAL; -EFBIG: it has more bytes than a quarter of the ring. */
int64_t ls_channel_publish(struct ls_hub *hub, struct ls_slice name, struct ls_channel_place *place,
                           uint32_t kind, struct ls_slice message);

/* We were rung: tells engines whose handlers have subscribed (ls_driver.ring). */
void ls_hub_listen(struct ls_hub *hub);

/* By whoever reaps: that process is dead. */
void ls_channels_recover(struct ls_channels *c, struct ls_kin *kin, uint32_t number);

#endif
