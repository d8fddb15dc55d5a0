#include "exchange/representation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/gzip.h"
#include "http/accept.h"
#include "http/conditions.h"
#include "http/date.h"

enum { WORTH_PACKING = 256 /* bytes: less does not get smaller by what it costs */ };

static void add_field(struct ls_engine *e, struct ls_slice name, struct ls_slice value)
{
    if (!ls_response_has(&e->response, name)) /* a handler that says otherwise knows better */
        ls_response_field(&e->response, name, value);
}

/* ---- what is said of the representation ---- */

static struct ls_asker asker(const struct ls_engine *e)
{
    return (struct ls_asker) { &e->head, e->in.at };
}

/* Is the file to be compressed on its way? Then parts of it cannot be had. */
static bool is_to_be_packed(const struct ls_engine *e, const struct ls_file *file)
{
    struct ls_asker by = asker(e);
    const struct ls_slice gzip = ls_coding_name(LS_CODING_GZIP);
    if (!e->site->www.gzip || !file->varies || file->coding != LS_CODING_NONE ||
        file->size < WORTH_PACKING || ls_head_value(by.head, by.base, LS_SLICE("range")).at)
        return false;
    unsigned weight = ls_accept_coding(by.head, by.base, gzip);
    return weight > 0 && weight >= ls_accept_coding(by.head, by.base, LS_SLICE("identity"));
}

static void add_etag(struct ls_engine *e, const struct ls_validators *v)
{
    char text[LS_ETAG_MAX + 2] = "W/";
    size_t at = v->weak ? 2 : 0;
    memcpy(text + at, v->etag.at, v->etag.len);
    add_field(e, LS_SLICE("ETag"), (struct ls_slice) { text, at + v->etag.len });
}

static void add_date(struct ls_engine *e, struct ls_slice name, int64_t seconds)
{
    char text[LS_DATE_LEN];
    ls_date_format(seconds, text);
    add_field(e, name, (struct ls_slice) { text, sizeof text });
}

static void add_max_age(struct ls_engine *e, uint64_t max_age)
{
    char text[40];
    if (max_age == 0)
        return;
    int len = snprintf(text, sizeof text, "max-age=%ju", (uintmax_t)max_age);
    add_field(e, LS_SLICE("Cache-Control"), (struct ls_slice) { text, (size_t)len });
}

/* What a 304 says too (RFC 9110 15.4.5). */
static void add_validators(struct ls_engine *e, const struct ls_file *file,
                           const struct ls_validators *v)
{
    add_etag(e, v);
    add_date(e, LS_SLICE("Last-Modified"), v->modified);
    add_max_age(e, file->max_age);
    if (file->varies)
        ls_response_field(&e->response, LS_SLICE("Vary"), LS_SLICE("Accept-Encoding"));
}

static void add_description(struct ls_engine *e, const struct ls_file *file, bool packed)
{
    enum ls_coding coding = packed ? LS_CODING_GZIP : file->coding;
    if (e->response.type.len == 0)
        ls_response_field(&e->response, LS_SLICE("Content-Type"), file->type);
    if (coding != LS_CODING_NONE)
        add_field(e, LS_SLICE("Content-Encoding"), ls_coding_name(coding));
    if (!packed)
        add_field(e, LS_SLICE("Accept-Ranges"), LS_SLICE("bytes"));
}

/* ---- parts of it ---- */

static void add_content_range(struct ls_buffer *b, const struct ls_range *r, uint64_t size)
{
    ls_buffer_printf(b, "bytes %ju-%ju/%ju", (uintmax_t)r->first,
                     (uintmax_t)(r->first + r->len - 1), (uintmax_t)size);
}

static int answer_part(struct ls_engine *e, struct ls_file *file, const struct ls_range *range)
{
    struct ls_buffer text = { 0 };
    struct ls_part part = { .range = *range };
    add_content_range(&text, range, file->size);
    ls_response_field(&e->response, LS_SLICE("Content-Range"),
                      (struct ls_slice) { text.at, text.len });
    bool failed = text.failed;
    ls_buffer_free(&text);
    return failed ? -ENOMEM : ls_answer_parts(e, 206, file, &part, 1, LS_SLICE(""));
}

/* The heads of all parts and the end in one buffer, which `parts` and `end` point into. */
static int write_heads(const struct ls_engine *e, const struct ls_file *file,
                       const struct ls_ranges *ranges, struct ls_buffer *text,
                       struct ls_part parts[LS_RANGES], struct ls_slice *end)
{
    size_t starts[LS_RANGES + 1];
    for (uint32_t i = 0; i < ranges->count; i++) {
        starts[i] = text->len;
        ls_buffer_printf(text,
                         "%s--%s\r\nContent-Type: %.*s\r\nContent-Range: ", i > 0 ? "\r\n" : "",
                         e->id, (int)e->response.type.len, e->response.type.at);
        add_content_range(text, &ranges->at[i], file->size);
        ls_buffer_text(text, "\r\n\r\n");
    }
    starts[ranges->count] = text->len;
    ls_buffer_printf(text, "\r\n--%s--\r\n", e->id);
    if (text->failed)
        return -ENOMEM;
    for (uint32_t i = 0; i < ranges->count; i++)
        parts[i] =
            (struct ls_part) { { text->at + starts[i], starts[i + 1] - starts[i] }, ranges->at[i] };
    *end = ls_slice_from((struct ls_slice) { text->at, text->len }, starts[ranges->count]);
    return 0;
}

/* multipart/byteranges (RFC 9110 14.6); the boundary is the request's id, which nobody could
 * know when the file was written. */
static int answer_several(struct ls_engine *e, struct ls_file *file, const struct ls_ranges *ranges)
{
    struct ls_buffer text = { 0 };
    struct ls_part parts[LS_RANGES];
    struct ls_slice end;
    char type[64];
    int err = write_heads(e, file, ranges, &text, parts, &end);
    int len = snprintf(type, sizeof type, "multipart/byteranges; boundary=%s", e->id);
    ls_response_field(&e->response, LS_SLICE("Content-Type"),
                      (struct ls_slice) { type, (size_t)len });
    if (err == 0)
        err = ls_answer_parts(e, 206, file, parts, ranges->count, end);
    ls_buffer_free(&text);
    return err;
}

static void answer_not_there(struct ls_engine *e, const struct ls_file *file)
{
    char text[32];
    int len = snprintf(text, sizeof text, "bytes */%ju", (uintmax_t)file->size);
    ls_response_reset(&e->response);
    ls_response_field(&e->response, LS_SLICE("Content-Range"),
                      (struct ls_slice) { text, (size_t)len });
    ls_answer_page(e, 416, NULL);
}

/* What the Range field asks for: 206, 416, or 0 for the whole. */
static int ranges_asked(const struct ls_engine *e, const struct ls_file *file,
                        const struct ls_validators *v, int64_t now, struct ls_ranges *ranges)
{
    uint32_t i = ls_head_find(&e->head, e->in.at, 0, LS_SLICE("range"));
    if (i == e->head.count || e->head.method != LS_GET ||
        ls_head_find(&e->head, e->in.at, i + 1, LS_SLICE("range")) < e->head.count ||
        !ls_conditions_range(&e->head, e->in.at, v, now))
        return 0;
    return ls_ranges_read(ls_span_slice(e->in.at, e->head.fields[i].value), file->size, ranges);
}

/* ---- all of it ---- */

static int answer_whole(struct ls_engine *e, int status, struct ls_file *file)
{
    struct ls_part whole = { .range = { 0, file->size } };
    return ls_answer_parts(e, status, file, &whole, 1, LS_SLICE(""));
}

static int answer_packed(struct ls_engine *e, int status, struct ls_file *file)
{
    struct ls_packing *packing = NULL;
    if (e->head.method != LS_HEAD) {
        packing = ls_packing_begin(e->site->www.gzip, file->fd, file->size);
        if (!packing)
            return -ENOMEM;
        file->fd = -1;
    }
    int err = ls_answer_stream(e, status);
    if (err < 0) {
        ls_packing_free(&packing);
        return err;
    }
    e->packing = packing;
    e->state = LS_ENGINE_PACK;
    return 0;
}

int ls_representation_more(struct ls_engine *e)
{
    struct ls_slice block = { NULL, 0 };
    int err = e->packing ? ls_packing_next(e->packing, &block) : 0;
    if (err < 0)
        return err;
    if (block.len > 0)
        return ls_answer_piece(e, block);
    ls_packing_free(&e->packing);
    return ls_answer_end(e);
}

static int answer_content(struct ls_engine *e, int status, struct ls_file *file, bool packed,
                          int asked, const struct ls_ranges *ranges)
{
    add_description(e, file, packed);
    if (packed)
        return answer_packed(e, status, file);
    if (asked == 0)
        return answer_whole(e, status, file);
    return ranges->count == 1 ? answer_part(e, file, &ranges->at[0])
                              : answer_several(e, file, ranges);
}

static void answer_not_modified(struct ls_engine *e)
{
    if (ls_answer(e, 304, LS_SLICE("")) < 0)
        ls_engine_gone(e);
}

void ls_representation_answer(struct ls_engine *e, int status, struct ls_file *file)
{
    int64_t now = ls_clock_wall();
    struct ls_ranges ranges;
    bool plain = status == 200 && (e->head.method == LS_GET || e->head.method == LS_HEAD);
    bool packed = is_to_be_packed(e, file);
    struct ls_validators v = { ls_slice_of(file->etag), packed,
                               file->modified < now ? file->modified : now };
    int verdict = plain ? ls_conditions_check(&e->head, e->in.at, &v, now) : 0;
    int asked = plain && verdict == 0 ? ranges_asked(e, file, &v, now, &ranges) : 0;
    add_validators(e, file, &v);
    if (verdict == 304)
        answer_not_modified(e);
    else if (verdict == 412)
        ls_answer_refuse(e, 412);
    else if (asked == 416)
        answer_not_there(e, file);
    else if (answer_content(e, status, file, packed, asked, &ranges) < 0)
        ls_answer_refuse(e, 500);
    ls_file_close(file);
}
