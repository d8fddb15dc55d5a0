#include "server/notice.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "exchange/response.h"
#include "http/date.h"
#include "os/sys.h"

void ls_notice_build(struct ls_buffer *out, int status, const char *id, bool head_only)
{
    struct ls_response response = { .fields = { 0 } };
    struct ls_buffer page = { 0 };
    char date[LS_DATE_LEN];
    ls_date_format(ls_clock_wall(), date);
    ls_response_page(status, (struct ls_slice) { id, 16 }, NULL, &page);
    ls_response_field(&response, LS_SLICE("Content-Type"), LS_SLICE("text/html; charset=utf-8"));
    if (status == 503)
        ls_response_field(&response, LS_SLICE("Retry-After"), LS_SLICE("1"));
    struct ls_framing f = { .status = status,
                            .has_length = true,
                            .length = page.len,
                            .close = true,
                            .date = { date, sizeof date },
                            .id = { id, 16 } };
    ls_response_head(&response, &f, out);
    if (!head_only)
        ls_buffer_append(out, page.at, page.len);
    out->failed |= page.failed;
    ls_buffer_free(&page);
    ls_response_free(&response);
}

void ls_notice_send(int fd, int status, const char *id, bool head_only)
{
    struct ls_buffer out = { 0 };
    ls_notice_build(&out, status, id, head_only);
    if (!out.failed)
        ls_sys_sendto(fd, out.at, out.len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    ls_buffer_free(&out);
}
