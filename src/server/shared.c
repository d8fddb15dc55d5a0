#include "server/shared.h"

#include <stddef.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "os/sys.h"

/* The parts of the mapping, one after the other; most of it is never touched, and then is no memory. */
struct layout {
    size_t sides, births, kin, cards, owners, channels, store, metrics, accounts,
        end; /* bytes from the beginning */
};

enum { PAGE = 4096 };

static size_t pages(size_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

static struct layout lay_out(uint32_t processes, const struct ls_shared_sizes *sizes)
{
    struct layout l;
    l.sides = pages(sizeof(struct ls_shared) + processes * sizeof(struct ls_slot));
    l.births = l.sides + pages(sizes->sides * sizeof(struct ls_side_place));
    l.kin = l.births + pages(sizes->sides * sizeof(struct ls_birth));
    l.cards = l.kin + pages(processes * sizeof(struct ls_kin));
    l.owners = l.cards + pages(sizes->cards * sizeof(struct ls_card));
    l.channels = l.owners + pages(sizes->cards * sizeof(uint32_t));
    l.store = l.channels + pages(ls_channels_size(processes, sizes->ring));
    l.metrics = l.store + pages(sizes->store);
    l.accounts = l.metrics + pages(sizeof(struct ls_metrics));
    l.end = l.accounts + pages(sizes->accounts * sizeof(struct ls_account));
    return l;
}

static int make_store(void *at, size_t size)
{
    unsigned char seed[16];
    long got = ls_sys_getrandom(seed, sizeof seed, 0);
    return got < 0 ? (int)got : ls_store_init(at, size, seed);
}

static void make_roster(struct ls_shared *shared, const struct ls_shared_sizes *sizes,
                        const struct layout *l)
{
    struct ls_roster *r = &shared->roster;
    *r = (struct ls_roster) { .supervisor = ls_sys_getpid(),
                              .started = ls_clock_us(),
                              .newest = &shared->newest,
                              .sides = shared->slots + sizes->workers,
                              .side_top = &shared->sides.top };
    if (sizes->cards == 0) {
        r->clients = shared->slots;
        return;
    }
    r->workers = shared->slots;
    r->worker_count = sizes->workers;
    r->cards = (struct ls_card *)((char *)shared + l->cards);
    r->owners = (_Atomic uint32_t *)((char *)shared + l->owners);
    r->card_count = sizes->cards;
}

int ls_shared_map(struct ls_shared **shared, const struct ls_shared_sizes *sizes)
{
    uint32_t processes = sizes->workers + sizes->sides;
    struct layout l = lay_out(processes, sizes);
    char *at = ls_sys_mmap(NULL, l.end, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int err = ls_sys_bad(at);
    *shared = err < 0 ? NULL : (struct ls_shared *)at;
    if (err < 0)
        return err;
    (*shared)->count = processes;
    (*shared)->sides = (struct ls_sides) { .all = (struct ls_side_place *)(at + l.sides),
                                           .count = sizes->sides,
                                           .first = sizes->workers };
    (*shared)->births =
        (struct ls_births) { .all = (struct ls_birth *)(at + l.births), .count = sizes->sides };
    (*shared)->commons = (struct ls_commons) { (struct ls_kin *)(at + l.kin),
                                               processes,
                                               (struct ls_channels *)(at + l.channels),
                                               (struct ls_store *)(at + l.store),
                                               NULL,
                                               (struct ls_metrics *)(at + l.metrics),
                                               &(*shared)->roster };
    make_roster(*shared, sizes, &l);
    (*shared)->size = l.end;
    (*shared)->accounts = (struct ls_account *)(at + l.accounts);
    ls_metrics_init((*shared)->commons.metrics, l.end - l.metrics, time(NULL));
    ls_channels_init((*shared)->commons.channels, processes, sizes->ring);
    return make_store(at + l.store, sizes->store);
}

void ls_shared_unmap(struct ls_shared **shared)
{
    if (*shared)
        ls_sys_munmap(*shared, (*shared)->size);
    *shared = NULL;
}
