#include "server/self.h"

#include "lua/interrupt.h"
#include "os/sys.h"
#include "server/server.h"

/* The slot says which request is meant. */
static void on_interrupt(int signal, siginfo_t *info, void *context)
{
    const struct ls_self *self = info->si_value.sival_ptr;
    (void)signal, (void)context;
    if (info->si_code != SI_QUEUE || info->si_pid != self->supervisor)
        return;
    if (self->word == ls_slot_word(atomic_load(&self->slot->interrupt), LS_PHASE_HANDLER))
        ls_interrupt_raise(self->lua, (enum ls_interrupt)atomic_load(&self->slot->interrupt_why));
}

struct ls_account *ls_self_account(const struct luaserve *s, uint64_t index)
{
    const struct ls_site *site = &s->now->site;
    return site->counts || site->access ? &s->shared->accounts[index] : NULL;
}

static void open_books(struct ls_books *books, const struct luaserve *s, uint32_t number)
{
    const struct ls_commons *commons = &s->shared->commons;
    const struct ls_metrics_user user = { commons->metrics, &commons->kin[number - 1].holder,
                                          number };
    *books = (struct ls_books) { .metrics = commons->metrics,
                                 .access = s->now->site.access,
                                 .pid = ls_sys_getpid() };
    if (s->now->site.counts)
        books->user = user;
}

void ls_self_join(struct ls_self *self, const struct luaserve *s, struct ls_slot *slot,
                  void (*quit)(void *ctx, int status), void *ctx)
{
    self->slot = slot;
    self->crash = &slot->crash;
    self->word = atomic_load(&slot->word);
    open_books(&self->books, s, ls_shared_number(s->shared, slot));
    ls_lua_serve(self->lua, quit, ctx);
    ls_lua_join(self->lua, &s->shared->commons, ls_shared_number(s->shared, slot), &self->bell);
    ls_sys_on_signal(LS_INTERRUPT_SIGNAL, on_interrupt, 0);
}
