#include "exchange/account.h"

#include "base/clock.h"
#include "exchange/engine.h"
#include "exchange/origin.h"

/* The maker may die at any instruction: what a number says is there before the number is. */
static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static struct ls_account_item *item_at(struct ls_account *a, uint64_t number)
{
    return &a->items[number % LS_ACCOUNT_ITEMS];
}

static uint64_t position(const struct ls_engine *e)
{
    return e->out.gone + ls_output_left(&e->out);
}

/* ---- the line ---- */

static struct ls_slice field(const struct ls_engine *e, struct ls_slice name)
{
    return ls_head_value(&e->head, e->in.at, name);
}

/* Of what could not be read: the first line, as far as it has come. */
static void read_raw(const struct ls_engine *e, struct ls_access_facts *facts)
{
    struct ls_slice rest = ls_input_rest(&e->in);
    while (rest.len > 0 && (*rest.at == '\r' || *rest.at == '\n'))
        rest = ls_slice_from(rest, 1); /* which the parser skips too */
    rest.len = ls_slice_find(rest, 0, '\n');
    if (rest.len > 0 && rest.at[rest.len - 1] == '\r')
        rest.len--;
    ls_access_read_line(rest, facts);
    facts->ip = ls_slice_of(e->peer.ip);
}

static void read_parsed(const struct ls_engine *e, struct ls_access_facts *facts)
{
    struct ls_origin origin = ls_origin_of(e);
    facts->ip = origin.ip;
    facts->host = origin.host;
    facts->method = ls_span_slice(e->in.at, e->head.method_token);
    facts->target = ls_span_slice(e->in.at, e->head.target);
    facts->minor = e->head.minor;
    facts->referer = field(e, LS_SLICE("Referer"));
    facts->agent = field(e, LS_SLICE("User-Agent"));
}

static struct ls_access_facts facts_of(const struct ls_engine *e, const struct ls_books *b,
                                       uint16_t route)
{
    struct ls_access_facts facts = { .time = ls_clock_wall(), .id = { e->id, 16 }, .pid = b->pid };
    facts.route = ls_slice_of(b->metrics->patterns[route % LS_METRICS_ROUTES]);
    if (e->parsed)
        read_parsed(e, &facts);
    else
        read_raw(e, &facts);
    return facts;
}

static void make_text(const struct ls_engine *e, struct ls_account_item *item, uint32_t at)
{
    struct ls_access_facts facts = facts_of(e, e->books, item->route);
    struct ls_access_text text = { .at = e->account->text + at };
    facts.status = item->status;
    ls_access_text(e->books->access->format, &facts, &text);
    item->format = (uint8_t)e->books->access->format;
    item->at = (uint16_t)at;
    item->before = (uint16_t)text.before;
    item->behind = (uint16_t)text.behind;
}

/* Whoever died while it wrote may have written it. */
static bool is_written(const struct ls_account *a, const struct ls_access *access,
                       const struct ls_access_text *text)
{
    return a->writing > a->logged && access->has(access->ctx, text);
}

/* In the format that the text is of: a reload may have chosen another one since. */
static void write_line(const struct ls_access *access, enum ls_access_format format,
                       const struct ls_access_text *text, const struct ls_access_end *end)
{
    char line[LS_ACCESS_LINE];
    size_t len = ls_access_line(format, text, end, line);
    access->sink(access->ctx, line, len);
}

/* ---- noting ---- */

void ls_account_begin(struct ls_engine *e, int status, uint64_t from)
{
    struct ls_account *a = e->account;
    struct ls_account_item *item = item_at(a, a->made);
    if (ls_account_is_full(a)) /* the engine sees to it that it is not */
        return;
    *item = (struct ls_account_item) { .began = e->begun_at ? e->begun_at : ls_clock_us(),
                                       .from = from,
                                       .body = position(e),
                                       .end = UINT64_MAX,
                                       .route = e->match.route ? e->match.route->series : 0,
                                       .status = (uint16_t)status,
                                       .method = (uint8_t)e->head.method };
    if (e->head.method_token.len == 0)
        item->method = LS_METHOD_OTHER;
    if (e->books->access)
        make_text(e, item, a->used);
    in_order();
    a->used += item->before + (uint32_t)item->behind;
    a->made++;
    in_order();
    e->noted = true;
}

void ls_account_end(struct ls_engine *e)
{
    struct ls_account *a = e->account;
    if (!e->noted)
        return;
    e->noted = false;
    item_at(a, a->made - 1)->end = position(e);
    in_order();
    if (!ls_output_pending(&e->out))
        ls_account_settle(e, ls_clock_us());
}

void ls_account_retract(struct ls_engine *e)
{
    struct ls_account *a = e->account;
    if (!e->noted)
        return;
    e->noted = false;
    a->made--;
    in_order();
    a->used = a->made == a->logged ? 0 : item_at(a, a->made)->at;
}

/* ---- counting and logging ---- */

static uint64_t between(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

static struct ls_access_text text_of(const struct ls_account *a, const struct ls_account_item *item)
{
    size_t len = (size_t)item->before + item->behind, at = item->at;
    bool sound = at + len <= LS_ACCOUNT_TEXT && len <= LS_ACCESS_LINE - LS_ACCESS_NUMBERS;
    if (!sound) /* whoever died may have written anywhere */
        return (struct ls_access_text) { .at = NULL };
    return (struct ls_access_text) { (char *)a->text + at, item->before, item->behind };
}

/* The first one that is not logged, of which the output up to `sent` has left. */
static void finish(struct ls_account *a, const struct ls_books *b, uint64_t sent, uint64_t now)
{
    const struct ls_account_item *item = item_at(a, a->logged);
    bool cut = item->end > sent;
    struct ls_access_end end = { .bytes = between(item->body, cut ? sent : item->end),
                                 .us = between(item->began, now),
                                 .cut = cut };
    const struct ls_measure what = { .route = item->route,
                                     .status = item->status,
                                     .method = item->method,
                                     .cut = cut,
                                     .us = end.us,
                                     .bytes = end.bytes };
    if (a->counted <= a->logged)
        ls_metrics_add(&b->user, &what, &a->counted);
    struct ls_access_text text = text_of(a, item);
    if (b->access && text.before > 0 && !is_written(a, b->access, &text)) {
        a->writing = a->logged + 1;
        in_order();
        write_line(b->access, item->format == LS_ACCESS_JSON ? LS_ACCESS_JSON : LS_ACCESS_COMBINED,
                   &text, &end);
        in_order();
    }
    a->logged++;
    in_order();
}

void ls_account_settle(struct ls_engine *e, uint64_t now)
{
    struct ls_account *a = e->account;
    while (a->logged < a->made && item_at(a, a->logged)->end <= e->out.gone)
        finish(a, e->books, e->out.gone, now);
    if (a->logged == a->made)
        a->used = 0;
}

void ls_account_close(struct ls_account *a, const struct ls_books *books, uint64_t sent)
{
    for (int i = 0; i < LS_ACCOUNT_ITEMS && a->logged < a->made; i++)
        if (item_at(a, a->logged)->from < sent)
            finish(a, books, sent, ls_clock_us());
        else
            a->logged = a->made; /* nothing is out of it, nor of those behind it */
    a->made = 0; /* first: nothing is left to be counted, whatever the others still say */
    in_order();
    a->counted = a->logged = a->writing = 0;
    a->used = 0;
    atomic_store_explicit(&a->going, 0, memory_order_relaxed);
}

void ls_account_other(const struct ls_engine *e, const struct ls_books *books,
                      const struct ls_account_other *other)
{
    char room[LS_ACCESS_LINE];
    struct ls_access_text text = { .at = room };
    const struct ls_access_end end = { .bytes = other->bytes, .us = other->us };
    const struct ls_measure what = { .route = other->route,
                                     .status = other->status,
                                     .method = (uint8_t)ls_method_of(other->method),
                                     .us = other->us,
                                     .bytes = other->bytes };
    uint64_t counted = 0;
    ls_metrics_add(&books->user, &what, &counted);
    if (!books->access)
        return;
    struct ls_access_facts facts = facts_of(e, books, other->route);
    facts.status = other->status;
    if (!e->parsed) {
        facts.line = (struct ls_slice) { NULL, 0 };
        facts.method = other->method;
        facts.target = other->target;
        facts.minor = 1;
    }
    ls_access_text(books->access->format, &facts, &text);
    write_line(books->access, books->access->format, &text, &end);
}
