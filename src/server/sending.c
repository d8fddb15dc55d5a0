#include "server/sending.h"

/* A first look at a write, which has taken a whole window: what was acknowledged before it began
 * nobody has noted, so the client may have got on at any time since. */
static void begin(struct ls_sending *sending, const struct ls_site *site, uint64_t send_timeout,
                  uint64_t acknowledged, uint64_t now)
{
    bool moved = acknowledged > sending->acknowledged;
    sending->from = now;
    sending->base = acknowledged;
    sending->progress_at = moved ? now : now - ls_site_send_window(site, send_timeout);
}

uint64_t ls_sending_look(struct ls_sending *sending, const struct ls_site *site,
                         uint64_t send_timeout, bool counted, uint64_t acknowledged,
                         uint64_t deadline, uint64_t now)
{
    if (deadline != sending->deadline)
        begin(sending, site, send_timeout, acknowledged, now);
    else if (acknowledged > sending->acknowledged)
        sending->progress_at = now;
    sending->acknowledged = acknowledged;
    uint64_t stalls = sending->progress_at + send_timeout;
    uint64_t slow = sending->from + ls_site_allowance(site, acknowledged - sending->base);
    sending->deadline = counted && slow < stalls ? slow : stalls;
    return sending->deadline <= now ? 0 : sending->deadline;
}
