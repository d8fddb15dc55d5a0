#include "server/death.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "exchange/capsule.h"
#include "os/notation.h"
#include "server/incident.h"

enum { CALLS = 12, NOT_RECORDED = -1 };

static void append_cause(struct ls_buffer *out, const struct ls_slot *slot, int status)
{
    const struct ls_crash *crash = &slot->crash;
    if (slot->cause[0])
        ls_buffer_printf(out, "%.*s", LS_SLOT_CAUSE, slot->cause);
    else if (!WIFSIGNALED(status))
        ls_buffer_printf(out, "exit status %d", WEXITSTATUS(status));
    else
        ls_buffer_printf(out, "killed by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
    if (WIFSIGNALED(status) && crash->signal == WTERMSIG(status) && crash->code > 0)
        ls_buffer_printf(out, " at address 0x%llx", (unsigned long long)crash->address);
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void append_usage(struct ls_buffer *out, const struct rusage *usage)
{
    ls_buffer_printf(out,
                     "used %.3f s of CPU as user, %.3f s in the kernel, %ld KiB of memory at most; "
                     "%ld page faults, %ld of them from disk",
                     seconds(&usage->ru_utime), seconds(&usage->ru_stime), usage->ru_maxrss,
                     usage->ru_minflt + usage->ru_majflt, usage->ru_majflt);
}

static void append_age(struct ls_buffer *out, const struct ls_slot *slot)
{
    uint64_t began = atomic_load(&slot->began), now = ls_clock_us();
    if (slot->head_len > 0 && began > 0 && began <= now)
        ls_buffer_printf(out, "%.3f s after the head of the request had come; ",
                         (double)(now - began) / 1e6);
}

/* What the process has asked of the kernel in the end, where that is recorded. */
static void append_calls(struct ls_buffer *out, const struct luaserve *s, int64_t ring)
{
    const struct ls_ledgers *ledgers = s->shared->commons.ledgers;
    if (!ledgers || ring == NOT_RECORDED)
        return;
    ls_buffer_printf(out, "\nits last calls:\n");
    ls_notation_last(out, ledgers, (uint32_t)ring, CALLS);
    if (out->len > 0 && out->at[out->len - 1] == '\n')
        out->len--;
}

/* What follows the first line: all that is known of the request and of its process. */
static void append_more(struct ls_buffer *out, const struct luaserve *s, const struct ls_slot *slot,
                        const struct ls_death *death, int64_t ring)
{
    size_t head = slot->head_len < LS_SLOT_HEAD ? slot->head_len : LS_SLOT_HEAD;
    append_age(out, slot);
    append_usage(out, &death->usage);
    ls_capsule_head(out, (struct ls_slice) { slot->head, head });
    append_calls(out, s, ring);
    ls_buffer_byte(out, '\0');
}

/* Who was it, and why did it end? */
static void append_end(struct ls_buffer *out, const struct ls_slot *slot, int pid, const char *what,
                       const char *why, int status)
{
    if (why) {
        ls_buffer_printf(out, "%s (%s %d)", why, what, pid);
    } else {
        ls_buffer_printf(out, "%s %d died: ", what, pid);
        append_cause(out, slot, status);
    }
    ls_buffer_byte(out, '\0');
}

void ls_death_log(struct luaserve *s, uint32_t client, const struct ls_death *death,
                  const char *told)
{
    const struct ls_client *c = &s->clients.all[client];
    const struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    enum ls_phase phase = ls_slot_phase(atomic_load(&slot->word));
    struct ls_buffer end = { 0 }, more = { 0 };
    char id[17], peer[LS_ADDRESS_TEXT];
    ls_incident_id(s, client, id);
    ls_address_text(&c->peer, peer);
    append_end(&end, slot, c->pid, "worker", c->why, death->status);
    append_more(&more, s, slot, death, c->ring);
    ls_log_block(&s->now->log, LS_LOG_ERROR, more.failed ? NULL : more.at,
                 "%s %s %.*s %.*s: %s; phase %s; %s", id, peer, LS_SLOT_METHOD, slot->method,
                 LS_SLOT_TARGET, slot->target, end.failed ? "?" : end.at,
                 ls_phase_name(c->why ? c->phase : phase), told);
    ls_buffer_free(&end);
    ls_buffer_free(&more);
}

void ls_death_report(struct luaserve *s, uint32_t client, const struct ls_death *death,
                     struct ls_buffer *text)
{
    const struct ls_client *c = &s->clients.all[client];
    const struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    append_end(text, slot, c->pid, "worker", c->why, death->status);
    if (text->len > 0)
        text->at[text->len - 1] = '\n'; /* was its NUL */
    append_more(text, s, slot, death, c->ring);
}

/* The request whose handler ran, if one did. */
static void append_request(struct ls_buffer *out, const struct luaserve *s,
                           const struct ls_slot *slot)
{
    char id[17];
    ls_request_id(s->now->site.nonce, slot->client, slot->request, id);
    ls_buffer_printf(out, "%s %.*s %.*s: ", id, LS_SLOT_METHOD, slot->method, LS_SLOT_TARGET,
                     slot->target);
}

void ls_death_log_side(struct luaserve *s, const struct ls_slot *slot, int pid, const char *why,
                       const struct ls_death *death)
{
    struct ls_buffer text = { 0 }, more = { 0 };
    append_request(&text, s, slot);
    append_end(&text, slot, pid, "side process", why, death->status);
    append_more(&more, s, slot, death, NOT_RECORDED);
    ls_log_block(&s->now->log, LS_LOG_ERROR, more.failed ? NULL : more.at, "%s",
                 text.failed ? "?" : text.at);
    ls_buffer_free(&text);
    ls_buffer_free(&more);
}

void ls_death_log_pool(struct luaserve *s, uint32_t place, const struct ls_death *death)
{
    const struct ls_pool_place *p = &s->pool.places[place];
    struct ls_slot *slot = &s->shared->slots[place];
    struct ls_buffer text = { 0 }, more = { 0 };
    if (ls_slot_phase(atomic_load(&slot->word)) == LS_PHASE_HANDLER)
        append_request(&text, s, slot);
    else
        slot->head_len = 0;
    append_end(&text, slot, p->pid, "worker", p->why, death->status);
    append_more(&more, s, slot, death, ls_tracing_ring_of_place(place));
    ls_log_block(&s->now->log, LS_LOG_ERROR, more.failed ? NULL : more.at,
                 "%s; with it went %u clients", text.failed ? "?" : text.at,
                 atomic_load(&s->pool.shared->crowds[place].count));
    ls_buffer_free(&text);
    ls_buffer_free(&more);
}
