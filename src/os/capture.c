#include "os/capture.h"

#include <linux/openat2.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>

enum { ADDRESS_MOST = 28 }; /* bytes: of IPv6 all, of a Unix socket's path the beginning */

_Static_assert(sizeof(struct open_how) == sizeof(struct ls_open_how), "the kernel's");

static size_t most(uint64_t wanted, size_t room)
{
    return wanted < room ? (size_t)wanted : room;
}

/* Elements of an array, as many as fit whole. */
static size_t elements(int64_t count, int limit, size_t size)
{
    return count <= 0 ? 0 : (size_t)(count < limit ? count : limit) * size;
}

static size_t length(const struct ls_ledger_entry *e, unsigned arg, int i)
{
    int64_t next = i < 5 ? e->args[i + 1] : 0;
    bool out = e->result >= 0;
    switch (arg) {
    case LS_ARG_BYTES_IN:
        return most((uint64_t)next, LS_CAPTURE_BYTES);
    case LS_ARG_BYTES_OUT:
    case LS_ARG_PARTS_IN:
    case LS_ARG_PARTS_OUT:
        return out ? most((uint64_t)e->result, LS_CAPTURE_BYTES) : 0;
    case LS_ARG_PATH_IN:
        return LS_CAPTURE_PATH;
    case LS_ARG_ADDRESS_IN:
        return most((uint32_t)next, ADDRESS_MOST);
    case LS_ARG_ADDRESS_OUT:
        return out ? ADDRESS_MOST : 0;
    case LS_ARG_TIME_IN:
        return sizeof(struct timespec);
    case LS_ARG_POLL_IN:
        return elements((uint32_t)next, LS_CAPTURE_ELEMENTS, sizeof(struct pollfd));
    case LS_ARG_EVENT_IN:
        return sizeof(struct epoll_event);
    case LS_ARG_EVENTS_OUT:
        return elements(e->result, LS_CAPTURE_ELEMENTS, sizeof(struct epoll_event));
    case LS_ARG_INT_IN:
        return sizeof(int);
    case LS_ARG_INT_OUT:
    case LS_ARG_LENGTH:
        return out ? sizeof(int) : 0;
    case LS_ARG_HOW_IN:
        return sizeof(struct ls_open_how);
    case LS_ARG_OFFSET_IN:
    case LS_ARG_SET_IN:
        return sizeof(uint64_t);
    case LS_ARG_STATUS_OUT:
        return out ? sizeof(struct ls_capture_status) : 0;
    case LS_ARG_PAIR_OUT:
        return out ? 2 * sizeof(int) : 0;
    default:
        return 0;
    }
}

struct ls_captured ls_captured_next(const struct ls_ledger_entry *e, unsigned arg, int index,
                                    size_t *at)
{
    size_t len = e->args[index] == 0 ? 0 : length(e, arg, index);
    struct ls_captured c = { *at, most(len, sizeof e->bytes - *at) };
    *at += c.len;
    return c;
}

static void gather(unsigned char *to, size_t room, const struct iovec *parts, int64_t count)
{
    for (int64_t i = 0; i < count && room > 0; i++) {
        size_t len = most(parts[i].iov_len, room);
        memcpy(to, parts[i].iov_base, len);
        to += len;
        room -= len;
    }
}

static void copy_status(unsigned char *to, size_t len, const struct stat *from)
{
    struct ls_capture_status status = { .mode = from->st_mode, .size = from->st_size };
    memcpy(to, &status, len);
}

static void copy(struct ls_ledger_entry *e, unsigned arg, int i, struct ls_captured c)
{
    const void *from = (const void *)e->args[i];
    unsigned char *to = e->bytes + c.at;
    if (c.len == 0)
        return;
    if (arg == LS_ARG_PATH_IN)
        memcpy(to, from,
               strnlen(from, c.len - 1) + 1); /* the last byte: 0 where all of it is there */
    else if (arg == LS_ARG_PARTS_IN || arg == LS_ARG_PARTS_OUT)
        gather(to, c.len, from, e->args[i + 1]);
    else if (arg == LS_ARG_STATUS_OUT)
        copy_status(to, c.len, from);
    else
        memcpy(to, from, c.len);
}

static bool is_known_before(unsigned arg)
{
    switch (arg) {
    case LS_ARG_BYTES_IN:
    case LS_ARG_PATH_IN:
    case LS_ARG_ADDRESS_IN:
    case LS_ARG_TIME_IN:
    case LS_ARG_POLL_IN:
    case LS_ARG_EVENT_IN:
    case LS_ARG_INT_IN:
    case LS_ARG_HOW_IN:
    case LS_ARG_OFFSET_IN:
    case LS_ARG_SET_IN:
        return true;
    default:
        return false;
    }
}

static void capture(struct ls_ledger_entry *e, const struct ls_call *call, bool before)
{
    size_t at = 0;
    for (int i = 0; i < 6 && call->args[i] != LS_ARG_END; i++) {
        unsigned arg = call->args[i];
        struct ls_captured c = ls_captured_next(e, arg, i, &at);
        if (is_known_before(arg) == before || (arg == LS_ARG_POLL_IN && !before))
            copy(e, arg, i, c);
    }
}

void ls_capture_before(struct ls_ledger_entry *e, const struct ls_call *call)
{
    capture(e, call, true);
}

void ls_capture_after(struct ls_ledger_entry *e, const struct ls_call *call)
{
    capture(e, call, false);
}
