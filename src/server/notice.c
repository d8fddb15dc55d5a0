#include "server/notice.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "exchange/response.h"
#include "http/date.h"
#include "os/sys.h"

void ls_notice_build(struct ls_buffer *out, const struct ls_notice *n)
{
    struct ls_response response = { .fields = { 0 } };
    struct ls_buffer page = { 0 };
    char date[LS_DATE_LEN];
    ls_date_format(ls_clock_wall(), date);
    ls_response_page(n->status, (struct ls_slice) { n->id, 16 }, n->detail, &page);
    ls_response_field(&response, LS_SLICE("Content-Type"), LS_SLICE("text/html; charset=utf-8"));
    if (n->status == 503)
        ls_response_field(&response, LS_SLICE("Retry-After"), LS_SLICE("1"));
    struct ls_framing f = { .status = n->status,
                            .has_length = true,
                            .length = page.len,
                            .close = true,
                            .date = { date, sizeof date },
                            .id = { n->id, 16 } };
    ls_response_head(&response, &f, out);
    if (!n->head_only)
        ls_buffer_append(out, page.at, page.len);
    out->failed |= page.failed;
    ls_buffer_free(&page);
    ls_response_free(&response);
}

size_t ls_notice_head(const struct ls_buffer *out)
{
    const struct ls_slice end = LS_SLICE("\r\n\r\n");
    for (size_t at = 0; at + end.len <= out->len; at++)
        if (memcmp(out->at + at, end.at, end.len) == 0)
            return at + end.len;
    return out->len;
}

int64_t ls_notice_send(int fd, const struct ls_notice *n)
{
    struct ls_buffer out = { 0 };
    long sent = -ENOMEM;
    ls_notice_build(&out, n);
    if (!out.failed)
        sent = ls_sys_sendto(fd, out.at, out.len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    if (sent >= 0)
        sent = (size_t)sent < out.len ? -EAGAIN : sent - (long)ls_notice_head(&out);
    ls_buffer_free(&out);
    return sent;
}
