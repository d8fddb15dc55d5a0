#include "exchange/exposition.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/method.h"

/* What is read once and then written in several ways. */
struct sight {
    struct ls_buffer *out;
    const struct ls_metrics *metrics;
    const struct ls_metrics_count *counts;
};

static void head(struct ls_buffer *out, const char *name, const char *type, const char *help)
{
    ls_buffer_printf(out, "# HELP luaserve_%s %s\n# TYPE luaserve_%s %s\n", name, help, name, type);
}

static void sample(struct ls_buffer *out, const char *name, uint64_t value)
{
    ls_buffer_printf(out, "luaserve_%s %llu\n", name, (unsigned long long)value);
}

static void alone(struct ls_buffer *out, const char *name, const char *type, const char *help,
                  uint64_t value)
{
    head(out, name, type, help);
    sample(out, name, value);
}

/* With one label, whose value needs no escape. */
static void labelled(struct ls_buffer *out, const char *name, const char *label, const char *value,
                     uint64_t number)
{
    ls_buffer_printf(out, "luaserve_%s{%s=\"%s\"} %llu\n", name, label, value,
                     (unsigned long long)number);
}

static void put_seconds(struct ls_buffer *out, uint64_t us)
{
    ls_buffer_printf(out, "%llu.%06llu\n", (unsigned long long)(us / 1000000),
                     (unsigned long long)(us % 1000000));
}

/* ---- requests ---- */

static void put_label(struct ls_buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            ls_buffer_byte(out, '\\');
        if (*text == '\n')
            ls_buffer_text(out, "\\n");
        else
            ls_buffer_byte(out, *text);
    }
}

static uint64_t requests_of(const struct ls_metrics_count *c)
{
    uint64_t sum = 0;
    for (int i = 0; i < LS_METRICS_BUCKETS; i++)
        sum += c->buckets[i];
    return sum;
}

static void put_series(const struct sight *s, const char *name, const struct ls_measure *what,
                       uint64_t value)
{
    struct ls_slice method = what->method < LS_METHODS
                                 ? ls_method_name((enum ls_method)what->method)
                                 : LS_SLICE("OTHER");
    ls_buffer_printf(s->out, "luaserve_%s{method=\"%.*s\",route=\"", name, (int)method.len,
                     method.at);
    put_label(s->out, s->metrics->patterns[what->route]);
    ls_buffer_printf(s->out, "\",status=\"%u\"} %llu\n", what->status, (unsigned long long)value);
}

static uint64_t cut_of(const struct ls_metrics_count *c)
{
    return c->cut;
}

static uint64_t bytes_of(const struct ls_metrics_count *c)
{
    return c->bytes;
}

static void put_counter(const struct sight *s, const char *name, const char *help,
                        uint64_t of(const struct ls_metrics_count *c))
{
    struct ls_measure what;
    head(s->out, name, "counter", help);
    for (uint32_t i = 0; i < LS_METRICS_SERIES; i++)
        if (ls_metrics_series(s->metrics, i, &what) && of(&s->counts[i]) > 0)
            put_series(s, name, &what, of(&s->counts[i]));
}

/* ---- how long they took, by route and status: all methods together ---- */

static bool is_same(const struct ls_measure *a, const struct ls_measure *b)
{
    return a->route == b->route && a->status == b->status;
}

/* False: an earlier series has been told together with this one. */
static bool gather(const struct sight *s, uint32_t index, const struct ls_measure *what,
                   struct ls_metrics_count *sum)
{
    struct ls_measure other;
    for (uint32_t i = 0; i < LS_METRICS_SERIES; i++) {
        if (!ls_metrics_series(s->metrics, i, &other) || !is_same(what, &other))
            continue;
        if (i < index)
            return false;
        for (int n = 0; n < LS_METRICS_BUCKETS; n++)
            sum->buckets[n] += s->counts[i].buckets[n];
        sum->us += s->counts[i].us;
    }
    return requests_of(sum) > 0;
}

static void put_histogram_name(const struct sight *s, const char *suffix,
                               const struct ls_measure *what)
{
    ls_buffer_printf(s->out, "luaserve_request_seconds_%s{route=\"", suffix);
    put_label(s->out, s->metrics->patterns[what->route]);
    ls_buffer_printf(s->out, "\",status=\"%u\"", what->status);
}

static void put_histogram(const struct sight *s, const struct ls_measure *what,
                          const struct ls_metrics_count *sum)
{
    uint64_t so_far = 0;
    for (int i = 0; i < LS_METRICS_BUCKETS; i++) {
        char bound[16] = "+Inf";
        if (i < LS_METRICS_BUCKETS - 1)
            snprintf(bound, sizeof bound, "%g", ls_metrics_bounds[i] / 1e6);
        so_far += sum->buckets[i];
        put_histogram_name(s, "bucket", what);
        ls_buffer_printf(s->out, ",le=\"%s\"} %llu\n", bound, (unsigned long long)so_far);
    }
    put_histogram_name(s, "sum", what);
    ls_buffer_text(s->out, "} ");
    put_seconds(s->out, sum->us);
    put_histogram_name(s, "count", what);
    ls_buffer_printf(s->out, "} %llu\n", (unsigned long long)so_far);
}

static void put_histograms(const struct sight *s)
{
    struct ls_measure what;
    head(s->out, "request_seconds", "histogram", "From a request to the last byte of its answer.");
    for (uint32_t i = 0; i < LS_METRICS_SERIES; i++) {
        struct ls_metrics_count sum = { .us = 0 };
        if (ls_metrics_series(s->metrics, i, &what) && gather(s, i, &what, &sum))
            put_histogram(s, &what, &sum);
    }
}

static int put_requests(const struct ls_commons *c, uint32_t number, struct ls_buffer *out)
{
    struct ls_metrics_count *counts = calloc(LS_METRICS_SERIES, sizeof *counts);
    const struct ls_metrics_user user = { c->metrics, &c->kin[number - 1].holder, number };
    const struct sight s = { out, c->metrics, counts };
    if (!counts)
        return -ENOMEM;
    ls_metrics_read(&user, counts);
    put_counter(&s, "requests_total", "Requests whose answer has gone out whole.", requests_of);
    put_histograms(&s);
    put_counter(&s, "response_bytes_total", "Bytes of response bodies, as they went out.",
                bytes_of);
    put_counter(&s, "responses_cut_total", "Answers of which a part is missing.", cut_of);
    free(counts);
    return 0;
}

/* ---- clients and processes ---- */

static void put_clients(struct ls_buffer *out, const struct ls_tallies *t,
                        const struct ls_headcount *clients)
{
    head(out, "clients", "gauge", "Clients that are connected, by what they are at.");
    for (int i = LS_PHASE_START; i < LS_PHASES; i++)
        labelled(out, "clients", "phase", ls_phase_name((enum ls_phase)i), clients->phases[i]);
    alone(out, "clients_total", "counter", "Clients that were let in.", atomic_load(&t->clients));
    static const char *const reasons[LS_REFUSALS] = { "full", "per_address", "system" };
    head(out, "refused_total", "counter", "Clients that were turned away.");
    for (int i = 0; i < LS_REFUSALS; i++)
        labelled(out, "refused_total", "reason", reasons[i], atomic_load(&t->refusals[i]));
}

static void name_cause(int cause, char name[24])
{
    static const char *const others[] = { "wall", "cpu", "stop" };
    if (cause == LS_CAUSE_EXIT)
        snprintf(name, 24, "exit");
    else if (cause >= LS_CAUSE_SIGNALS)
        snprintf(name, 24, "%s", others[cause - LS_CAUSE_SIGNALS]);
    else if (sigabbrev_np(cause))
        snprintf(name, 24, "SIG%s", sigabbrev_np(cause));
    else
        snprintf(name, 24, "signal %d", cause);
}

static void put_deaths(struct ls_buffer *out, const struct ls_tallies *t)
{
    head(out, "deaths_total", "counter", "Processes that did not end by themselves, by cause.");
    for (int i = 0; i < LS_CAUSES; i++) {
        char name[24];
        uint64_t deaths = atomic_load(&t->deaths[i]);
        name_cause(i, name);
        if (deaths > 0 || i == LS_CAUSE_EXIT || i >= LS_CAUSE_SIGNALS)
            labelled(out, "deaths_total", "cause", name, deaths);
    }
    static const char *const budgets[LS_BUDGETS] = {
        "wall", "cpu", "memory", "head", "body", "send"
    };
    head(out, "budget_hits_total", "counter", "Times that a limit was reached, by its kind.");
    for (int i = 0; i < LS_BUDGETS; i++)
        labelled(out, "budget_hits_total", "budget", budgets[i], atomic_load(&t->budgets[i]));
}

static void put_processes(struct ls_buffer *out, const struct ls_tallies *t)
{
    alone(out, "forks_total", "counter", "Processes that were made.", atomic_load(&t->forks));
    head(out, "fork_seconds", "summary", "How long the supervisor took to make them.");
    ls_buffer_text(out, "luaserve_fork_seconds_sum ");
    put_seconds(out, atomic_load(&t->fork_us));
    sample(out, "fork_seconds_count", atomic_load(&t->forks));
    put_deaths(out, t);
    head(out, "reloads_total", "counter", "Reloads, by how they went.");
    labelled(out, "reloads_total", "result", "done", atomic_load(&t->reloads));
    labelled(out, "reloads_total", "result", "failed", atomic_load(&t->failed_reloads));
    alone(out, "schedule_runs_total", "counter", "Runs of schedules that have begun.",
          atomic_load(&t->runs));
}

/* ---- what they share ---- */

static void put_store(const struct ls_commons *c, uint32_t number, struct ls_buffer *out)
{
    const struct ls_store_user user = { c->store, &c->kin[number - 1].holder, number };
    struct ls_store_usage usage;
    ls_store_usage(&user, &usage);
    alone(out, "shared_size_bytes", "gauge", "What the shared dictionaries have room for.",
          usage.size);
    alone(out, "shared_used_bytes", "gauge", "What is in use of it.", usage.used);
    alone(out, "shared_entries", "gauge", "Entries of all shared dictionaries.", usage.entries);
    alone(out, "shared_evicted_total", "counter", "Entries that went before they had expired.",
          usage.evicted);
}

static void put_server(const struct ls_metrics *m, struct ls_buffer *out)
{
    alone(out, "start_time_seconds", "gauge", "When the server started, since 1970-01-01 UTC.",
          (uint64_t)m->started);
    head(out, "build_info", "gauge", "What serves.");
    ls_buffer_printf(out, "luaserve_build_info{version=\"%s\",mode=\"%s\"} 1\n", m->version,
                     m->mode);
}

int ls_exposition(const struct ls_commons *c, uint32_t number, const struct ls_headcount *clients,
                  struct ls_buffer *out)
{
    if (put_requests(c, number, out) < 0)
        return -ENOMEM;
    put_clients(out, &c->metrics->tallies, clients);
    put_processes(out, &c->metrics->tallies);
    put_store(c, number, out);
    put_server(c->metrics, out);
    return out->failed ? -ENOMEM : 0;
}
