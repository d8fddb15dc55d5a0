/* The pattern of a route, taken apart.
 *
 * A pattern begins with "/" and is made of segments:
 *
 *   about        this text; %XX stands for a byte
 *   :name        one segment, not empty
 *   :name[%d-]   the same, of these bytes alone: those of a Lua set, letters and digits as in ASCII
 *   *name        last: the rest of the path with its "/", perhaps empty; without a name it is "*"
 *   (/:name)     a part that may be missing: whole segments, perhaps with such parts in it
 *
 * A "/" at the end belongs to the path. Where parts may be missing, a pattern stands for several
 * paths: its variants. */
#ifndef LS_EXCHANGE_PATTERN_H
#define LS_EXCHANGE_PATTERN_H

#include "base/buffer.h"
#include "http/uri.h"

enum { LS_PATTERN_OPTIONAL = 4, LS_PATTERN_NAMES = 16 };

/* By rank: where several match a segment, the first goes before the others. */
enum ls_segment_kind {
    LS_SEGMENT_LITERAL,
    LS_SEGMENT_CLASS, /* a parameter with a class, or in an optional part */
    LS_SEGMENT_PARAMETER,
    LS_SEGMENT_SPLAT
};

struct ls_bytes { /* a set of bytes */
    uint64_t bits[4];
};

static inline bool ls_bytes_has(const struct ls_bytes *set, unsigned char byte)
{
    return set->bits[byte >> 6] >> (byte & 63) & 1;
}

bool ls_bytes_meet(const struct ls_bytes *a, const struct ls_bytes *b); /* have one in common */
bool ls_bytes_cover(const struct ls_bytes *set, struct ls_slice text);  /* every byte is in it */

struct ls_segment {
    enum ls_segment_kind kind;
    uint8_t part;         /* optional part in which it stands, from 1; 0: in none */
    uint8_t name;         /* which of the names; not of a literal */
    struct ls_slice text; /* of a literal: decoded */
    struct ls_bytes set;  /* of a CLASS: of which bytes it is; all that may be, without a class */
};

struct ls_pattern {
    uint32_t count, parts, names;
    bool slash;                              /* it ends in "/"; also "/" alone */
    uint8_t within[LS_PATTERN_OPTIONAL + 1]; /* the optional part around each; 0: none */
    struct ls_segment segments[LS_TARGET_SEGMENTS];
    struct ls_slice name[LS_PATTERN_NAMES]; /* in the pattern's own text */
};

/* `store`, of at least strlen(text) bytes, holds what was decoded, and lives as long as `out` does.
 * 0; -EINVAL with the reason in *why, a sentence without its end: bad syntax, or a pattern that no
 * path can match. */
int ls_pattern_parse(const char *text, char *store, struct ls_pattern *out, const char **why);

/* The variant number `index`, from 0: which of the optional parts it has, a bit 1 << part for each
 * (bit 0 is always set). 0: there are no more. Each is given once, the one without any first. */
unsigned ls_pattern_variant(const struct ls_pattern *p, unsigned index);

/* Does the path match one of the variants? One that ends in a splat matches what stands before that
 * as well: with a splat behind /a it is /a, /a/, and all that is beneath. */
bool ls_pattern_covers(const struct ls_pattern *p, const struct ls_target *target);

#endif
