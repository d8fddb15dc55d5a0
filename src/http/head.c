#include "http/head.h"

#include "http/chars.h"
#include "http/framing.h"

enum { EMPTY_LINES = 4 }; /* that may stand before a request (RFC 9112 2.2: at least one) */

/* What the byte at `seen` belongs to. Each state can be left when the bytes run out and taken
 * up there again, so that none is looked at twice. */
enum state {
    START, /* the request line, or an empty line before it */
    START_LF,
    METHOD,
    TARGET,
    VERSION,
    REQUEST_LF,
    NAME, /* a field line, or the empty line behind the last */
    BLANKS,
    VALUE,
    FIELD_LF,
    END_LF
};

enum { MORE = 0, ON = 1, END = 2 }; /* and -status */

struct cursor {
    struct ls_head *h;
    const struct ls_head_limits *limits;
    const char *bytes;
    size_t at, len;
    size_t stop; /* where the bytes or their limit ends, whichever is first */
};

void ls_head_reset(struct ls_head *h)
{
    *h = (struct ls_head) { .fields = h->fields };
}

static struct ls_span span(size_t at, size_t end)
{
    return (struct ls_span) { (uint32_t)at, (uint32_t)(end - at) };
}

static struct ls_slice rest(const struct cursor *c)
{
    return (struct ls_slice) { c->bytes + c->at, c->stop - c->at };
}

static void bound(struct cursor *c, size_t start, uint32_t most)
{
    c->stop = c->len - start < most ? c->len : start + most;
}

/* At `stop`: to be taken up in `state`, unless it is the limit that has been reached. */
static int ran_out(struct cursor *c, enum state state, int status)
{
    c->h->state = (uint8_t)state;
    return c->at == c->len ? MORE : -status;
}

/* The LF of a line end; a bare CR is refused. */
static int line_feed(struct cursor *c, enum state state)
{
    if (c->at == c->len)
        return ran_out(c, state, 400);
    return c->bytes[c->at++] == '\n' ? ON : -400;
}

/* ---- request line: method SP request-target SP HTTP-version (RFC 9112 3) ---- */

static int empty_lines(struct cursor *c)
{
    int r = ON;
    if (c->h->state == START_LF)
        r = line_feed(c, START_LF);
    while (r == ON && c->at < c->len && c->bytes[c->at] == '\r') {
        if (c->at >= (size_t)EMPTY_LINES * 2)
            return -400;
        c->at++;
        r = line_feed(c, START_LF);
    }
    if (r != ON)
        return r;
    c->h->line_start = (uint32_t)c->at;
    return c->at < c->len ? ON : ran_out(c, START, 400);
}

static int method(struct cursor *c)
{
    struct ls_head *h = c->h;
    c->at += ls_chars_token(rest(c));
    if (c->at == c->stop)
        return ran_out(c, METHOD, 414);
    if (c->bytes[c->at] != ' ' || c->at == h->line_start)
        return -400;
    h->method_token = span(h->line_start, c->at++);
    h->method = ls_method_of(ls_span_slice(c->bytes, h->method_token));
    return ON;
}

static int target(struct cursor *c)
{
    size_t start = (size_t)c->h->method_token.at + c->h->method_token.len + 1;
    c->at += ls_chars_target(rest(c));
    if (c->at == c->stop)
        return ran_out(c, TARGET, 414);
    if (c->bytes[c->at] != ' ' || c->at == start)
        return -400;
    c->h->target = span(start, c->at++);
    return ON;
}

/* "HTTP/" DIGIT "." DIGIT CR: is this byte right at this place? */
static bool fits_version(char byte, size_t place)
{
    char wanted = "HTTP/0.0\r"[place];
    return wanted == '0' ? byte >= '0' && byte <= '9' : byte == wanted;
}

static int version(struct cursor *c)
{
    enum { MAJOR = 5, MINOR = 7, CR = 8 };
    size_t start = (size_t)c->h->target.at + c->h->target.len + 1;
    for (; c->at <= start + CR; c->at++) {
        size_t place = c->at - start;
        if (c->at == (place == CR ? c->len : c->stop)) /* the limit does not count the CR */
            return ran_out(c, VERSION, 414);
        if (!fits_version(c->bytes[c->at], place))
            return -400;
    }
    c->h->minor = c->bytes[start + MINOR] != '0';
    return c->bytes[start + MAJOR] == '1' ? ON : -505;
}

static int request_line(struct cursor *c)
{
    int r;
    if (c->h->state <= START_LF && (r = empty_lines(c)) != ON)
        return r;
    bound(c, c->h->line_start, c->limits->line);
    switch (c->h->state) {
    case START:
    case START_LF:
    case METHOD:
        if ((r = method(c)) != ON)
            return r;
        /* fall through */
    case TARGET:
        if ((r = target(c)) != ON)
            return r;
        /* fall through */
    case VERSION:
        if ((r = version(c)) != ON)
            return r;
        /* fall through */
    case REQUEST_LF:
    default:
        if ((r = line_feed(c, REQUEST_LF)) != ON)
            return r;
    }
    c->h->section_start = c->h->line_start = (uint32_t)c->at;
    c->h->state = NAME;
    return ON;
}

/* ---- field line: field-name ":" OWS field-value OWS (RFC 9112 5) ---- */

static bool blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* At the front of a line: the field's name with its colon, or the CR of the empty line. */
static int name(struct cursor *c)
{
    struct ls_head *h = c->h;
    c->at += ls_chars_token(rest(c));
    if (c->at == c->stop)
        return ran_out(c, NAME, 431);
    if (c->bytes[c->at] == '\r' && c->at == h->line_start) {
        c->at++;
        return END;
    }
    if (c->bytes[c->at] != ':' || c->at == h->line_start)
        return -400;
    if (h->count == c->limits->count)
        return -431;
    h->fields[h->count].name = span(h->line_start, c->at++);
    return ON;
}

static int blanks(struct cursor *c)
{
    while (c->at < c->stop && blank(c->bytes[c->at]))
        c->at++;
    if (c->at == c->stop)
        return ran_out(c, BLANKS, 431);
    c->h->fields[c->h->count].value = span(c->at, c->at);
    return ON;
}

static int value(struct cursor *c)
{
    struct ls_span *to = &c->h->fields[c->h->count].value;
    c->at += ls_chars_value(rest(c));
    if (c->at == c->stop)
        return ran_out(c, VALUE, 431);
    if (c->bytes[c->at] != '\r')
        return -400;
    size_t end = c->at++;
    while (end > to->at && blank(c->bytes[end - 1]))
        end--;
    *to = span(to->at, end);
    return ON;
}

/* The LF of a field line; it counts for the limit. */
static int field_feed(struct cursor *c, enum state state)
{
    return c->at == c->stop ? ran_out(c, state, 431) : line_feed(c, state);
}

static int field_line(struct cursor *c)
{
    struct ls_head *h = c->h;
    int r;
    switch (h->state) {
    case NAME:
        if ((r = name(c)) != ON)
            return r;
        /* fall through */
    case BLANKS:
        if ((r = blanks(c)) != ON)
            return r;
        /* fall through */
    case VALUE:
        if ((r = value(c)) != ON)
            return r;
        /* fall through */
    case FIELD_LF:
    default:
        if ((r = field_feed(c, FIELD_LF)) != ON)
            return r;
    }
    h->line_start = (uint32_t)c->at;
    h->state = NAME;
    r = ls_framing_field(h, c->bytes, &h->fields[h->count++]);
    return r < 0 ? r : ON;
}

/* ---- the whole ---- */

static int field_lines(struct cursor *c)
{
    int r = c->h->state == END_LF ? END : ON;
    bound(c, c->h->section_start, c->limits->headers);
    while (r == ON)
        r = field_line(c);
    return r == END ? field_feed(c, END_LF) : r;
}

int32_t ls_head_parse(struct ls_head *h, const struct ls_head_limits *limits, const char *bytes,
                      size_t len)
{
    struct cursor c = { .h = h, .limits = limits, .bytes = bytes, .at = h->seen, .len = len };
    int r = h->state < NAME ? request_line(&c) : ON;
    if (r == ON)
        r = field_lines(&c);
    h->seen = (uint32_t)c.at;
    if (r != ON)
        return r;
    r = ls_framing_decide(h, bytes);
    return r < 0 ? r : (int32_t)c.at;
}

uint32_t ls_head_find(const struct ls_head *h, const char *base, uint32_t start,
                      struct ls_slice name)
{
    uint32_t i = start;
    while (i < h->count && !(h->fields[i].name.len == name.len &&
                             ls_slice_equal_nocase(ls_span_slice(base, h->fields[i].name), name)))
        i++;
    return i;
}

struct ls_slice ls_head_value(const struct ls_head *h, const char *base, struct ls_slice name)
{
    uint32_t i = ls_head_find(h, base, 0, name);
    return i < h->count ? ls_span_slice(base, h->fields[i].value) : (struct ls_slice) { NULL, 0 };
}
