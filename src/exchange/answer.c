#include "exchange/answer.h"

#include <errno.h>

#include "http/conditions.h"
#include "http/date.h"
#include "http/status.h"
#include "os/sys.h"
#include "base/clock.h"

enum {
    SMALL_FILE = 32 << 10 /* bytes: read into one write with its head */
};

/* May the connection go on after this response? Decided when its head is made. */
static bool may_keep(const struct ls_engine *e)
{
    if (!e->parsed || !e->keep || e->seq >= e->site->requests ||
        (e->site->draining && atomic_load(e->site->draining)))
        return false;
    if (e->body.done)
        return true;
    bool never_asked = e->head.expect_continue && !e->continued;
    return !never_asked && !e->eof && e->body.left <= LS_ANSWER_DRAIN;
}

static struct ls_framing framing(struct ls_engine *e, int status)
{
    e->keep = may_keep(e);
    return (struct ls_framing) { .status = status,
                                 .now = ls_clock_wall(),
                                 .close = !e->keep,
                                 .keep_alive = e->keep && e->head.minor == 0,
                                 .id = { e->id, 16 } };
}

static int rolled_back(struct ls_engine *e, size_t len)
{
    e->out.bytes.failed = false;
    e->out.bytes.len = len;
    return -ENOMEM;
}

static void answered(struct ls_engine *e)
{
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
    if (f.has_length && e->head.method != LS_HEAD)
        ls_buffer_slice(&e->out.bytes, content);
    if (e->out.bytes.failed)
        return rolled_back(e, before);
    answered(e);
    return 0;
}

static void answer_page(struct ls_engine *e, int status, struct ls_slice id, const char *detail)
{
    struct ls_buffer page = { 0 };
    if (ls_status_has_content(status)) {
        ls_response_page(status, id, detail, &page);
        ls_response_field(&e->response, LS_SLICE("Content-Type"),
                          LS_SLICE("text/html; charset=utf-8"));
    }
    if (page.failed || ls_answer(e, status, (struct ls_slice) { page.at, page.len }) < 0)
        e->gone = true; /* not even an error page fits into memory */
    ls_buffer_free(&page);
}

void ls_answer_page(struct ls_engine *e, int status, const char *detail)
{
    answer_page(e, status, (struct ls_slice) { NULL, 0 }, detail);
}

void ls_answer_incident(struct ls_engine *e, int status, const char *detail)
{
    answer_page(e, status, (struct ls_slice) { e->id, 16 }, detail);
}

static void add_date_field(struct ls_response *r, struct ls_slice name, int64_t seconds)
{
    char text[LS_DATE_LEN];
    ls_date_format(seconds, text);
    ls_response_field(r, name, (struct ls_slice) { text, sizeof text });
}

/* The content of a file: small ones into the bytes, others behind them. */
static int put_file(struct ls_engine *e, struct ls_file *file)
{
    struct ls_buffer *bytes = &e->out.bytes;
    if (file->size > SMALL_FILE) {
        ls_output_file(&e->out, file->fd, file->size);
        file->fd = -1;
        return 0;
    }
    if (ls_buffer_reserve(bytes, (size_t)file->size) < 0)
        return -ENOMEM;
    int err = ls_file_read(file, bytes->at + bytes->len);
    if (err == 0)
        bytes->len += (size_t)file->size;
    return err;
}

static int respond_content(struct ls_engine *e, int status, struct ls_file *file)
{
    size_t before = e->out.bytes.len;
    struct ls_framing f = framing(e, status);
    f.has_length = true;
    f.length = file->size;
    ls_response_head(&e->response, &f, &e->out.bytes);
    int err = e->out.bytes.failed ? -ENOMEM : 0;
    if (err == 0 && e->head.method != LS_HEAD)
        err = put_file(e, file);
    if (err < 0) {
        rolled_back(e, before);
        return err;
    }
    answered(e);
    return 0;
}

void ls_answer_refuse(struct ls_engine *e, int status)
{
    ls_response_reset(&e->response);
    ls_answer_page(e, status, NULL);
}

void ls_answer_file(struct ls_engine *e, int status, struct ls_file *file)
{
    int64_t now = ls_clock_wall();
    struct ls_validators current = { ls_slice_of(file->etag),
                                     file->modified < now ? file->modified : now };
    bool plain = status == 200 && (e->head.method == LS_GET || e->head.method == LS_HEAD);
    int verdict = plain ? ls_conditions_check(&e->head, e->in.at, &current, now) : 0;
    ls_response_field(&e->response, LS_SLICE("ETag"), current.etag);
    add_date_field(&e->response, LS_SLICE("Last-Modified"), current.modified);
    if (verdict == 304) {
        if (ls_answer(e, 304, LS_SLICE("")) < 0)
            e->gone = true;
    } else if (verdict == 412) {
        ls_answer_refuse(e, 412);
    } else {
        if (e->response.type.len == 0)
            ls_response_field(&e->response, LS_SLICE("Content-Type"), file->type);
        if (respond_content(e, status, file) < 0)
            ls_answer_refuse(e, 500);
    }
    if (file->fd >= 0)
        ls_sys_close(file->fd);
    file->fd = -1;
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
    e->streaming = e->answering = true;
    return 0;
}

int ls_answer_piece(struct ls_engine *e, struct ls_slice piece)
{
    struct ls_buffer *out = &e->out.bytes;
    size_t before = out->len;
    if (piece.len == 0 || e->head.method == LS_HEAD)
        return 0;
    if (e->head.minor > 0) {
        ls_buffer_printf(out, "%zx\r\n", piece.len);
        ls_buffer_slice(out, piece);
        ls_buffer_append(out, "\r\n", 2);
    } else {
        ls_buffer_slice(out, piece);
    }
    return out->failed ? rolled_back(e, before) : 0;
}

int ls_answer_end(struct ls_engine *e)
{
    if (e->head.minor > 0 && e->head.method != LS_HEAD)
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
    ls_buffer_clear(&e->out.bytes);
    e->answering = e->streaming = false;
    return true;
}

bool ls_answer_begun(const struct ls_engine *e)
{
    return e->answering;
}
