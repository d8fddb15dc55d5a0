/* What the processes of a server have in common, in memory that they share. */
#ifndef LS_EXCHANGE_COMMONS_H
#define LS_EXCHANGE_COMMONS_H

#include "exchange/channel.h"
#include "exchange/kin.h"
#include "exchange/metrics.h"
#include "exchange/roster.h"
#include "exchange/store.h"
#include "os/ledger.h"

struct ls_commons {
    struct ls_kin *kin; /* by number less 1 */
    uint32_t processes; /* numbers there are */
    struct ls_channels *channels;
    struct ls_store *store;
    const struct ls_ledgers *ledgers; /* NULL: syscalls are not recorded */
    struct ls_metrics *metrics;
    struct ls_roster *roster;
};

/* Forgets a process that has ended, and mends what it left. */
static inline void ls_commons_recover(const struct ls_commons *c, uint32_t number)
{
    ls_store_recover(c->store, &c->kin[number - 1].holder, number);
    ls_metrics_recover(c->metrics, &c->kin[number - 1].holder, number);
    ls_channels_recover(c->channels, c->kin, number);
}

#endif
