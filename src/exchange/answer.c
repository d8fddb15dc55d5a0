#include "exchange/answer.h"

#include <errno.h>
#include <stdio.h>

#include "http/status.h"
#include "os/sys.h"
#include "base/clock.h"

enum {
    SMALL_FILE = 32 << 10 /* bytes: read into one write with its head */
};

/* May the connection go on after this response? Decided when its head is made. */
static bool may_keep(const struct ls_engine *e)
{
    if (!e->parsed || !e->keep || e->seq >= e->site->requests || ls_site_retired(e->site))
        return false;
    if (e->body.done)
        return true;
    bool never_asked = e->head.expect_continue && !e->continued;
    return !never_asked && !e->eof && e->body.left <= LS_ANSWER_DRAIN;
}

static struct ls_slice date(struct ls_engine *e)
{
    int64_t now = ls_clock_wall();
    if (now != e->date_of) {
        ls_date_format(now, e->date);
        e->date_of = now;
    }
    return (struct ls_slice) { e->date, sizeof e->date };
}

static struct ls_framing framing(struct ls_engine *e, int status)
{
    e->keep = may_keep(e);
    return (struct ls_framing) { .status = status,
                                 .upgrade = status == 426 ? "websocket" : NULL,
                                 .date = date(e),
                                 .close = !e->keep,
                                 .keep_alive = e->keep && e->head.minor == 0,
                                 .id = { e->id, 16 } };
}

/* Its head is in the output, from `before` on. */
static void note_head(struct ls_engine *e, int status, size_t before)
{
    if (e->account && !e->out.bytes.failed)
        ls_account_begin(e, status,
                         e->out.gone + ls_output_left(&e->out) - (e->out.bytes.len - before));
}

static int rolled_back(struct ls_engine *e, size_t len)
{
    ls_output_cut(&e->out, len);
    return -ENOMEM;
}

static int taken_back(struct ls_engine *e, size_t len)
{
    if (e->account)
        ls_account_retract(e);
    return rolled_back(e, len);
}

static void answered(struct ls_engine *e)
{
    if (e->account)
        ls_account_end(e);
    e->state = LS_ENGINE_ANSWERED;
    e->answering = false;
}

int ls_answer(struct ls_engine *e, int status, struct ls_slice content)
{
    size_t before = e->out.bytes.len;
    struct ls_framing f = framing(e, status);
    f.has_length = ls_status_has_content(status);
    f.length = content.len;
    ls_response_head(&e->response, &f, &e->out.bytes);
    note_head(e, status, before);
    if (f.has_length && e->head.method != LS_HEAD)
        ls_buffer_slice(&e->out.bytes, content);
    if (e->out.bytes.failed)
        return taken_back(e, before);
    answered(e);
    return 0;
}

/* ---- content in a file ---- */

static uint64_t length_of(const struct ls_part *parts, uint32_t count, struct ls_slice end)
{
    uint64_t length = end.len;
    for (uint32_t i = 0; i < count; i++)
        length += parts[i].heading.len + parts[i].range.len;
    return length;
}

static int put_range(struct ls_engine *e, const struct ls_file *file, const struct ls_range *r,
                     bool later)
{
    struct ls_buffer *bytes = &e->out.bytes;
    if (r->len > 0 && later)
        ls_output_add_stretch(&e->out, r->first, r->len);
    if (r->len == 0 || later)
        return 0;
    if (ls_buffer_reserve(bytes, (size_t)r->len) < 0)
        return -ENOMEM;
    int err = ls_file_read(file, r->first, (size_t)r->len, bytes->at + bytes->len);
    if (err == 0)
        bytes->len += (size_t)r->len;
    return err;
}

/* Little is read into one write with the head; much goes straight from the file. */
static int put_parts(struct ls_engine *e, struct ls_file *file, const struct ls_part *parts,
                     uint32_t count, uint64_t length)
{
    bool later = length > SMALL_FILE && file->fd >= 0;
    int err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        ls_buffer_slice(&e->out.bytes, parts[i].heading);
        err = put_range(e, file, &parts[i].range, later);
    }
    if (err == 0 && later) {
        ls_output_file(&e->out, file->fd);
        file->fd = -1;
    }
    return err;
}

int ls_answer_parts(struct ls_engine *e, int status, struct ls_file *file,
                    const struct ls_part *parts, uint32_t count, struct ls_slice end)
{
    size_t before = e->out.bytes.len;
    struct ls_framing f = framing(e, status);
    f.has_length = ls_status_has_content(status);
    f.length = length_of(parts, count, end);
    ls_response_head(&e->response, &f, &e->out.bytes);
    note_head(e, status, before);
    int err = 0;
    if (f.has_length && e->head.method != LS_HEAD) {
        err = put_parts(e, file, parts, count, f.length);
        ls_buffer_slice(&e->out.bytes, end);
    }
    if (err < 0 || e->out.bytes.failed) {
        taken_back(e, before);
        return err < 0 ? err : -ENOMEM;
    }
    answered(e);
    return 0;
}

/* ---- pages ---- */

static void set_page_type(struct ls_engine *e)
{
    ls_response_field(&e->response, LS_SLICE("Content-Type"), LS_SLICE("text/html; charset=utf-8"));
}

static void answer_standard_page(struct ls_engine *e, int status, struct ls_slice id,
                                 const char *detail)
{
    struct ls_buffer page = { 0 };
    if (ls_status_has_content(status)) {
        ls_response_page(status, id, detail, &page);
        set_page_type(e);
    }
    if (page.failed || ls_answer(e, status, (struct ls_slice) { page.at, page.len }) < 0)
        e->gone = true; /* not even an error page fits into memory */
    ls_buffer_free(&page);
}

/* The document root's own page for an error. */
static bool answer_own_page(struct ls_engine *e, int status)
{
    const struct ls_head nobody = { .count = 0 };
    const struct ls_asker asker = { &nobody, NULL };
    struct ls_file file;
    char name[16];
    snprintf(name, sizeof name, "%d.html", status);
    if (status < 400 || ls_file_open(&e->site->www, name, &asker, &file) < 0)
        return false;
    const struct ls_part whole = { .range = { 0, file.size } };
    set_page_type(e);
    int err = ls_answer_parts(e, status, &file, &whole, 1, LS_SLICE(""));
    ls_file_close(&file);
    return err == 0;
}

static void answer_page(struct ls_engine *e, int status, struct ls_slice id, const char *detail)
{
    if (detail || !answer_own_page(e, status))
        answer_standard_page(e, status, id, detail);
}

void ls_answer_page(struct ls_engine *e, int status, const char *detail)
{
    answer_page(e, status, (struct ls_slice) { NULL, 0 }, detail);
}

void ls_answer_incident(struct ls_engine *e, int status, const char *detail)
{
    answer_page(e, status, (struct ls_slice) { e->id, 16 }, detail);
}

void ls_answer_refuse(struct ls_engine *e, int status)
{
    ls_response_reset(&e->response);
    ls_answer_page(e, status, NULL);
}

static enum ls_pieces pieces_of(const struct ls_engine *e, int status)
{
    if (e->head.method == LS_HEAD || !ls_status_has_content(status))
        return LS_PIECES_DROPPED;
    return e->head.minor > 0 ? LS_PIECES_CHUNKED : LS_PIECES_PLAIN;
}

int ls_answer_stream(struct ls_engine *e, int status)
{
    size_t before = e->out.bytes.len;
    bool content = ls_status_has_content(status);
    if (content && e->head.minor == 0)
        e->keep = false; /* the end of the connection is the end of the content */
    struct ls_framing f = framing(e, status);
    f.chunked = content && e->head.minor > 0;
    ls_response_head(&e->response, &f, &e->out.bytes);
    if (e->out.bytes.failed)
        return rolled_back(e, before);
    note_head(e, status, before);
    e->pieces = pieces_of(e, status);
    e->streaming = e->answering = true;
    return 0;
}

int ls_answer_switch(struct ls_engine *e, const char *protocol)
{
    size_t before = e->out.bytes.len;
    struct ls_framing f = framing(e, 101);
    f.upgrade = protocol;
    ls_response_head(&e->response, &f, &e->out.bytes);
    if (e->out.bytes.failed)
        return rolled_back(e, before);
    note_head(e, 101, before);
    if (e->account)
        ls_account_end(e); /* what follows is another protocol's */
    e->pieces = LS_PIECES_DROPPED;
    e->streaming = e->answering = true;
    return 0;
}

int ls_answer_piece(struct ls_engine *e, struct ls_slice piece)
{
    struct ls_buffer *out = &e->out.bytes;
    size_t before = out->len;
    if (piece.len == 0 || e->pieces == LS_PIECES_DROPPED)
        return 0;
    if (e->pieces == LS_PIECES_CHUNKED)
        ls_buffer_printf(out, "%zx\r\n", piece.len);
    ls_buffer_slice(out, piece);
    if (e->pieces == LS_PIECES_CHUNKED)
        ls_buffer_append(out, "\r\n", 2);
    return out->failed ? rolled_back(e, before) : 0;
}

int ls_answer_end(struct ls_engine *e)
{
    if (e->pieces == LS_PIECES_CHUNKED)
        ls_buffer_text(&e->out.bytes, "0\r\n\r\n");
    if (e->out.bytes.failed)
        return -ENOMEM;
    answered(e);
    return 0;
}

bool ls_answer_retract(struct ls_engine *e)
{
    if (!e->answering || e->flushed)
        return false;
    if (e->account)
        ls_account_retract(e);
    ls_buffer_clear(&e->out.bytes);
    e->answering = e->streaming = false;
    return true;
}

bool ls_answer_begun(const struct ls_engine *e)
{
    return e->answering;
}
