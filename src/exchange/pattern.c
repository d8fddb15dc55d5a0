#include "exchange/pattern.h"

#include <errno.h>
#include <string.h>

#include "http/chars.h"

bool ls_bytes_meet(const struct ls_bytes *a, const struct ls_bytes *b)
{
    uint64_t common = 0;
    for (int i = 0; i < 4; i++)
        common |= a->bits[i] & b->bits[i];
    return common != 0;
}

bool ls_bytes_cover(const struct ls_bytes *set, struct ls_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ls_bytes_has(set, (unsigned char)text.at[i]))
            return false;
    return true;
}

/* ---- classes ---- */

static void include(struct ls_bytes *set, unsigned first, unsigned last)
{
    for (unsigned byte = first; byte <= last; byte++)
        set->bits[byte >> 6] |= (uint64_t)1 << (byte & 63);
}

/* What stands behind a "%". */
static void include_escaped(struct ls_bytes *set, char letter)
{
    static const struct {
        char letter;
        const char *ranges; /* pairs of first and last */
    } classes[] = { { 'a', "AZaz" },   { 'd', "09" },     { 'l', "az" },     { 'u', "AZ" },
                    { 'w', "AZaz09" }, { 'x', "AFaf09" }, { 's', "\t\r  " }, { 'p', "!/:@[`{~" } };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (classes[i].letter != letter)
            continue;
        for (const char *r = classes[i].ranges; *r; r += 2)
            include(set, (unsigned char)r[0], (unsigned char)r[1]);
        return;
    }
    include(set, (unsigned char)letter, (unsigned char)letter);
}

/* No path has these: NUL is refused, and no UTF-8 has the others. */
static void take_out_impossible(struct ls_bytes *set)
{
    set->bits[0] &= ~(uint64_t)1;
    for (unsigned byte = 0xc0; byte <= 0xff; byte++)
        if (byte < 0xc2 || byte > 0xf4)
            set->bits[3] &= ~((uint64_t)1 << (byte & 63));
}

static struct ls_bytes all_bytes(void)
{
    struct ls_bytes set = { { 0 } };
    include(&set, 0, 255);
    take_out_impossible(&set);
    return set;
}

/* The set between "[" and "]". NULL, or what is wrong. */
static const char *read_set(struct ls_slice text, struct ls_bytes *set)
{
    bool negated = text.len > 0 && text.at[0] == '^';
    *set = (struct ls_bytes) { { 0 } };
    for (size_t i = negated; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        bool range = byte != '%' && i + 2 < text.len && text.at[i + 1] == '-';
        unsigned char last = range ? (unsigned char)text.at[i + 2] : byte;
        if (byte == '%' && i + 1 == text.len)
            return "nothing stands behind the \"%\" of a class";
        if (last < byte)
            return "a range of a class is the wrong way round";
        if (byte == '%')
            include_escaped(set, text.at[++i]);
        else
            include(set, byte, last);
        i += range ? 2 : 0;
    }
    for (int i = 0; i < 4 && negated; i++)
        set->bits[i] = ~set->bits[i];
    take_out_impossible(set);
    struct ls_bytes all = all_bytes();
    return ls_bytes_meet(set, &all) ? NULL : "no path can have a byte of that class";
}

/* ---- segments ---- */

struct reader {
    struct ls_pattern *p;
    const char *at;
    char *store;
    const char *why;
};

static int refuse(struct reader *r, const char *why)
{
    r->why = why;
    return -EINVAL;
}

/* Bytes of the segment that begins at `text`; a class may hold what otherwise ends it. */
static size_t segment_length(const char *text)
{
    bool parameter = *text == ':', class = false;
    size_t len = 0;
    for (; text[len]; len++) {
        if (class && text[len] == '%' && text[len + 1])
            len++;
        else if (class && text[len] == ']')
            class = false;
        else if (parameter && text[len] == '[')
            class = true;
        else if (!class && strchr("/()", text[len]))
            break;
    }
    return len;
}

static bool is_name(struct ls_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

static int read_name(struct reader *r, struct ls_segment *s, struct ls_slice name)
{
    struct ls_pattern *p = r->p;
    if (!is_name(name) && !ls_slice_equal(name, LS_SLICE("*")))
        return refuse(r, "a parameter's name is letters, digits and \"_\"");
    if (p->names == LS_PATTERN_NAMES)
        return refuse(r, "more than 16 parameters");
    for (uint32_t i = 0; i < p->names; i++)
        if (ls_slice_equal(name, p->name[i]))
            return refuse(r, "the same parameter twice");
    s->name = (uint8_t)p->names;
    p->name[p->names++] = name;
    return 0;
}

static int read_parameter(struct reader *r, struct ls_segment *s, struct ls_slice text)
{
    size_t open = ls_slice_find(text, 0, '[');
    s->kind = s->part > 0 || open < text.len ? LS_SEGMENT_CLASS : LS_SEGMENT_PARAMETER;
    s->set = all_bytes();
    if (open < text.len) {
        if (text.at[text.len - 1] != ']')
            return refuse(r, "a class ends with \"]\", and the segment with it");
        struct ls_slice set = { text.at + open + 1, text.len - open - 2 };
        const char *why = read_set(set, &s->set);
        if (why)
            return refuse(r, why);
    }
    return read_name(r, s, (struct ls_slice) { text.at, open });
}

/* Percent-decoded, as the path is before routes see it. */
static int read_literal(struct reader *r, struct ls_segment *s, struct ls_slice text)
{
    s->kind = LS_SEGMENT_LITERAL;
    s->text = (struct ls_slice) { r->store, 0 };
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.at[i];
        if (byte == '?' || byte == '#')
            return refuse(r, "a path ends before \"?\" and \"#\" (%3F and %23 stand for them)");
        if (byte == '%') {
            int high = i + 2 < text.len ? ls_char_hex((unsigned char)text.at[i + 1]) : -1;
            int low = i + 2 < text.len ? ls_char_hex((unsigned char)text.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return refuse(r,
                              "two hexadecimal digits stand behind a \"%\" (%25 is that itself)");
            byte = (char)(high << 4 | low);
            i += 2;
        }
        if (byte == '\0')
            return refuse(r, "no path has a NUL");
        r->store[s->text.len++] = byte;
    }
    r->store += s->text.len;
    if (ls_slice_equal(s->text, LS_SLICE(".")) || ls_slice_equal(s->text, LS_SLICE("..")))
        return refuse(r, "no path has the segments \".\" and \"..\" once it is resolved");
    if (!ls_chars_utf8(s->text))
        return refuse(r, "it is not UTF-8, as every path is");
    return 0;
}

static int read_segment(struct reader *r, unsigned part)
{
    struct ls_pattern *p = r->p;
    struct ls_slice text = { r->at, segment_length(r->at) };
    if (p->count > 0 && p->segments[p->count - 1].kind == LS_SEGMENT_SPLAT)
        return refuse(r, "nothing can follow a splat");
    if (p->count == LS_TARGET_SEGMENTS)
        return refuse(r, "no path has more than 64 segments");
    struct ls_segment *s = &p->segments[p->count++];
    *s = (struct ls_segment) { .part = (uint8_t)part };
    r->at += text.len;
    if (text.at[0] == ':')
        return read_parameter(r, s, ls_slice_from(text, 1));
    if (text.at[0] != '*')
        return read_literal(r, s, text);
    s->kind = LS_SEGMENT_SPLAT;
    return read_name(r, s, ls_slice_from(text, text.len > 1));
}

static int read_sequence(struct reader *r, unsigned part);

static int read_part(struct reader *r, unsigned around)
{
    struct ls_pattern *p = r->p;
    if (p->parts == LS_PATTERN_OPTIONAL)
        return refuse(r, "more than 4 optional parts");
    unsigned part = ++p->parts;
    p->within[part] = (uint8_t)around;
    if (*++r->at == ')')
        return refuse(r, "an optional part is empty");
    int err = read_sequence(r, part);
    if (err == 0 && *r->at++ != ')')
        return refuse(r, "a \"(\" without its \")\"");
    return err;
}

/* Segments and optional parts, up to the end or a ")". */
static int read_sequence(struct reader *r, unsigned part)
{
    int err = 0;
    while (err == 0 && *r->at && *r->at != ')') {
        if (*r->at == '(') {
            err = read_part(r, part);
        } else if (*r->at++ != '/') {
            return refuse(r, "an optional part holds whole segments, as in /u(/:id)");
        } else if (*r->at == '\0' && part == 0) {
            r->p->slash = true;
        } else if (*r->at == '\0' || strchr("/()", *r->at)) {
            return refuse(r, "an empty segment");
        } else {
            err = read_segment(r, part);
        }
    }
    return err;
}

int ls_pattern_parse(const char *text, char *store, struct ls_pattern *out, const char **why)
{
    struct reader r = { .p = out, .at = text, .store = store };
    memset(out, 0, offsetof(struct ls_pattern, segments));
    int err = 0;
    if (text[0] != '/' && text[0] != '(')
        err = refuse(&r, "it has to begin with \"/\"");
    if (err == 0)
        err = read_sequence(&r, 0);
    if (err == 0 && *r.at)
        err = refuse(&r, "a \")\" without its \"(\"");
    *why = r.why;
    return err;
}

/* A part is there only with the one around it. */
static bool is_whole(const struct ls_pattern *p, unsigned parts)
{
    for (unsigned part = 1; part <= p->parts; part++)
        if (parts >> part & 1 && !(parts >> p->within[part] & 1))
            return false;
    return true;
}

unsigned ls_pattern_variant(const struct ls_pattern *p, unsigned index)
{
    for (unsigned parts = 1; parts < 2u << p->parts; parts += 2)
        if (is_whole(p, parts) && index-- == 0)
            return parts;
    return 0;
}

static bool matches(const struct ls_segment *s, struct ls_slice text)
{
    switch (s->kind) {
    case LS_SEGMENT_LITERAL:
        return ls_slice_equal(s->text, text);
    case LS_SEGMENT_CLASS:
        return text.len > 0 && ls_bytes_cover(&s->set, text);
    case LS_SEGMENT_PARAMETER:
    default:
        return text.len > 0;
    }
}

static bool variant_covers(const struct ls_pattern *p, unsigned parts,
                           const struct ls_target *target)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct ls_segment *s = &p->segments[i];
        if (!(parts >> s->part & 1))
            continue;
        if (s->kind == LS_SEGMENT_SPLAT)
            return true;
        if (at == target->count || !matches(s, target->segments[at++]))
            return false;
    }
    return at == target->count && (at == 0 || p->slash == target->slash);
}

bool ls_pattern_covers(const struct ls_pattern *p, const struct ls_target *target)
{
    unsigned parts;
    for (unsigned i = 0; (parts = ls_pattern_variant(p, i)) != 0; i++)
        if (variant_covers(p, parts, target))
            return true;
    return false;
}
