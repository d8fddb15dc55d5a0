#include "os/notation.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <x86intrin.h>

#include "os/capture.h"
#include "os/symbols.h"

/* ---- values ---- */

static void append_escaped(struct ls_buffer *b, const unsigned char *bytes, size_t len)
{
    static const char letters[] = "abtnvfr"; /* of \a (7) to \r (13) */
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = bytes[i];
        bool digit = i + 1 < len && bytes[i + 1] >= '0' && bytes[i + 1] <= '9';
        if (byte == '"' || byte == '\\')
            ls_buffer_printf(b, "\\%c", byte);
        else if (byte >= '\a' && byte <= '\r')
            ls_buffer_printf(b, "\\%c", letters[byte - '\a']);
        else if (byte >= 0x20 && byte < 0x7f)
            ls_buffer_byte(b, (char)byte);
        else
            ls_buffer_printf(b, digit ? "\\%03o" : "\\%o", byte);
    }
}

static void append_quoted(struct ls_buffer *b, const unsigned char *bytes, size_t len, bool more)
{
    ls_buffer_byte(b, '"');
    append_escaped(b, bytes, len);
    ls_buffer_text(b, more ? "\"..." : "\"");
}

static void append_path(struct ls_buffer *b, const unsigned char *bytes, size_t room)
{
    size_t len = strnlen((const char *)bytes, room - 1);
    ls_buffer_byte(b, '"');
    append_escaped(b, bytes, len);
    ls_buffer_text(b, bytes[len] == '\0' ? "\"" : "\"...");
}

static void append_address(struct ls_buffer *b, const unsigned char *bytes, size_t len)
{
    struct sockaddr_storage any = { 0 };
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *four = (const struct sockaddr_in *)&any;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&any;
    memcpy(&any, bytes, len);
    ls_buffer_text(b, "{sa_family=");
    ls_symbols_text(b, LS_ARG_FAMILY, any.ss_family, 0);
    if (any.ss_family == AF_INET) {
        inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
        ls_buffer_printf(b, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")",
                         ls_ntohs(four->sin_port), text);
    } else if (any.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
        ls_buffer_printf(b, ", sin6_port=htons(%u), inet_pton(AF_INET6, \"%s\", &sin6_addr)",
                         ls_ntohs(six->sin6_port), text);
    } else if (any.ss_family == AF_UNIX && len > 2 && bytes[2]) {
        ls_buffer_text(b, ", sun_path=");
        append_path(b, bytes + 2, len - 2);
    }
    ls_buffer_byte(b, '}');
}

static void append_polls(struct ls_buffer *b, const struct ls_ledger_entry *e, struct ls_captured c,
                         int64_t count)
{
    struct pollfd p;
    ls_buffer_byte(b, '[');
    for (size_t at = 0; at + sizeof p <= c.len; at += sizeof p) {
        memcpy(&p, e->bytes + c.at + at, sizeof p);
        ls_buffer_printf(b, "%s{fd=%d, events=", at > 0 ? ", " : "", p.fd);
        ls_symbols_text(b, LS_ARG_POLL_EVENTS, p.events, 0);
        if (e->result > 0 && p.revents) {
            ls_buffer_text(b, ", revents=");
            ls_symbols_text(b, LS_ARG_POLL_EVENTS, p.revents, 0);
        }
        ls_buffer_byte(b, '}');
    }
    ls_buffer_text(b, (size_t)count * sizeof p > c.len ? ", ...]" : "]");
}

static void append_event(struct ls_buffer *b, const unsigned char *bytes)
{
    struct epoll_event event;
    memcpy(&event, bytes, sizeof event);
    ls_buffer_text(b, "{events=");
    ls_symbols_text(b, LS_ARG_EPOLL_EVENTS, event.events, 0);
    ls_buffer_printf(b, ", data=%#" PRIx64 "}", event.data.u64);
}

static void append_events(struct ls_buffer *b, const struct ls_ledger_entry *e,
                          struct ls_captured c)
{
    ls_buffer_byte(b, '[');
    for (size_t at = 0; at + sizeof(struct epoll_event) <= c.len;
         at += sizeof(struct epoll_event)) {
        if (at > 0)
            ls_buffer_text(b, ", ");
        append_event(b, e->bytes + c.at + at);
    }
    ls_buffer_text(b, e->result > LS_CAPTURE_ELEMENTS ? ", ...]" : "]");
}

static void append_how(struct ls_buffer *b, const unsigned char *bytes)
{
    struct ls_open_how how;
    memcpy(&how, bytes, sizeof how);
    ls_buffer_text(b, "{flags=");
    ls_symbols_text(b, LS_ARG_OPEN_FLAGS, (int64_t)how.flags, 0);
    if (how.flags & O_CREAT)
        ls_buffer_printf(b, ", mode=%#o", (unsigned)how.mode);
    ls_buffer_text(b, ", resolve=");
    ls_symbols_text(b, LS_ARG_RESOLVE, (int64_t)how.resolve, 0);
    ls_buffer_byte(b, '}');
}

static void append_status(struct ls_buffer *b, const unsigned char *bytes)
{
    struct ls_capture_status s;
    memcpy(&s, bytes, sizeof s);
    const char *type = S_ISREG(s.mode)    ? "S_IFREG"
                       : S_ISDIR(s.mode)  ? "S_IFDIR"
                       : S_ISSOCK(s.mode) ? "S_IFSOCK"
                                          : "S_IFMT";
    ls_buffer_printf(b, "{st_mode=%s|%#o, st_size=%" PRId64 ", ...}", type,
                     (unsigned)s.mode & 07777, s.size);
}

static void append_set(struct ls_buffer *b, const unsigned char *bytes)
{
    uint64_t set;
    memcpy(&set, bytes, sizeof set);
    bool most = __builtin_popcountll(set) > 32; /* then those that are not in it */
    const char *space = "";
    ls_buffer_text(b, most ? "~[" : "[");
    for (int i = 0; i < 64; i++) {
        if ((set >> i & 1) == most)
            continue;
        ls_buffer_text(b, space);
        size_t start = b->len;
        ls_symbols_text(b, LS_ARG_SIGNAL, i + 1, 0);
        if (!b->failed && b->len > start + 3 && memcmp(b->at + start, "SIG", 3) == 0) {
            memmove(b->at + start, b->at + start + 3, b->len - start - 3);
            b->len -= 3;
        }
        space = " ";
    }
    ls_buffer_byte(b, ']');
}

static void append_two(struct ls_buffer *b, const struct ls_ledger_entry *e, unsigned arg,
                       const unsigned char *bytes)
{
    struct timespec time;
    int64_t offset;
    int pair[2];
    switch (arg) {
    case LS_ARG_TIME_IN:
        memcpy(&time, bytes, sizeof time);
        ls_buffer_printf(b, "{tv_sec=%lld, tv_nsec=%ld}", (long long)time.tv_sec, time.tv_nsec);
        return;
    case LS_ARG_OFFSET_IN:
        memcpy(&offset, bytes, sizeof offset);
        ls_buffer_printf(b, "[%" PRId64 "]", offset);
        if (e->result > 0)
            ls_buffer_printf(b, " => [%" PRId64 "]", offset + e->result);
        return;
    case LS_ARG_PAIR_OUT:
        memcpy(pair, bytes, sizeof pair);
        ls_buffer_printf(b, "[%d, %d]", pair[0], pair[1]);
        return;
    default:
        memcpy(pair, bytes, sizeof *pair);
        ls_buffer_printf(b, "[%d]", pair[0]);
    }
}

/* ---- arguments ---- */

static void append_pointer(struct ls_buffer *b, int64_t value)
{
    if (value == 0)
        ls_buffer_text(b, "NULL");
    else
        ls_buffer_printf(b, "%#" PRIx64, (uint64_t)value);
}

static void append_target(struct ls_buffer *b, const struct ls_ledger_entry *e, unsigned arg, int i,
                          struct ls_captured c)
{
    const unsigned char *bytes = e->bytes + c.at;
    uint64_t whole = arg == LS_ARG_BYTES_IN ? (uint64_t)e->args[i + 1] : (uint64_t)e->result;
    switch (arg) {
    case LS_ARG_BYTES_IN:
    case LS_ARG_BYTES_OUT:
        append_quoted(b, bytes, c.len, whole > c.len);
        return;
    case LS_ARG_PARTS_IN:
    case LS_ARG_PARTS_OUT:
        ls_buffer_byte(b, '[');
        append_quoted(b, bytes, c.len, whole > c.len);
        ls_buffer_byte(b, ']');
        return;
    case LS_ARG_PATH_IN:
        append_path(b, bytes, c.len);
        return;
    case LS_ARG_ADDRESS_IN:
    case LS_ARG_ADDRESS_OUT:
        append_address(b, bytes, c.len);
        return;
    case LS_ARG_POLL_IN:
        append_polls(b, e, c, e->args[i + 1]);
        return;
    case LS_ARG_EVENT_IN:
        append_event(b, bytes);
        return;
    case LS_ARG_EVENTS_OUT:
        append_events(b, e, c);
        return;
    case LS_ARG_HOW_IN:
        append_how(b, bytes);
        return;
    case LS_ARG_STATUS_OUT:
        append_status(b, bytes);
        return;
    case LS_ARG_SET_IN:
        append_set(b, bytes);
        return;
    default:
        append_two(b, e, arg, bytes);
    }
}

static void append_plain(struct ls_buffer *b, const struct ls_ledger_entry *e, unsigned arg, int i)
{
    int64_t value = e->args[i];
    switch (arg) {
    case LS_ARG_INT:
        ls_buffer_printf(b, "%d", (int)value);
        return;
    case LS_ARG_UNSIGNED:
        ls_buffer_printf(b, "%" PRIu64, (uint64_t)value);
        return;
    case LS_ARG_DIR:
        if ((int)value == AT_FDCWD)
            ls_buffer_text(b, "AT_FDCWD");
        else
            ls_buffer_printf(b, "%d", (int)value);
        return;
    default:
        append_pointer(b, value);
    }
}

static bool is_whole(unsigned arg, struct ls_captured c)
{
    return arg == LS_ARG_ADDRESS_IN || arg == LS_ARG_ADDRESS_OUT ? c.len >= 2 : c.len > 0;
}

static void append_arg(struct ls_buffer *b, const struct ls_ledger_entry *e, unsigned arg, int i,
                       size_t *at)
{
    struct ls_captured c = ls_captured_next(e, arg, i, at);
    bool empty = e->args[i] != 0 && ((arg == LS_ARG_BYTES_IN && e->args[i + 1] == 0) ||
                                     (arg == LS_ARG_BYTES_OUT && e->result == 0));
    if (arg >= LS_ARG_SYMBOLS)
        ls_symbols_text(b, arg, (int)e->args[i], i > 0 ? e->args[i - 1] : 0);
    else if (empty)
        ls_buffer_text(b, "\"\"");
    else if (is_whole(arg, c))
        append_target(b, e, arg, i, c);
    else
        append_plain(b, e, arg, i);
}

static void append_result(struct ls_buffer *b, const struct ls_ledger_entry *e)
{
    int error = (int)-e->result;
    if (atomic_load_explicit(&e->to, memory_order_relaxed) == 0)
        ls_buffer_text(b, " <unfinished ...>");
    else if (e->nr == SYS_mmap && e->result > 0)
        ls_buffer_printf(b, " = %#" PRIx64, (uint64_t)e->result);
    else if (error <= 0 || error >= 4096)
        ls_buffer_printf(b, " = %" PRId64, e->result);
    else if (strerrorname_np(error))
        ls_buffer_printf(b, " = -1 %s (%s)", strerrorname_np(error), strerrordesc_np(error));
    else
        ls_buffer_printf(b, " = -1 (error %d)", error);
}

void ls_notation_call(struct ls_buffer *b, const struct ls_ledger_entry *e)
{
    const struct ls_call *call = ls_call_of(e->nr);
    size_t at = 0;
    if (call)
        ls_buffer_printf(b, "%s(", call->name);
    else
        ls_buffer_printf(b, "syscall_%u(", e->nr);
    for (int i = 0; i < 6 && call && call->args[i] != LS_ARG_END; i++) {
        if (i > 0)
            ls_buffer_text(b, ", ");
        append_arg(b, e, call->args[i], i, &at);
    }
    ls_buffer_byte(b, ')');
    append_result(b, e);
}

/* ---- requests ---- */

static void append_line(struct ls_buffer *b, const struct ls_ledger_entry *e, uint64_t zero,
                        double rate)
{
    uint64_t to = atomic_load_explicit(&e->to, memory_order_relaxed);
    ls_buffer_printf(b, "%9.0f ", (double)(int64_t)(e->from - zero) * rate);
    ls_notation_call(b, e);
    if (to > 0)
        ls_buffer_printf(b, " <%.0f>", (double)(to - e->from) * rate);
    ls_buffer_byte(b, '\n');
}

static bool brings_bytes(const struct ls_ledger_entry *e)
{
    bool reads = e->nr == SYS_read || e->nr == SYS_recvfrom || e->nr == SYS_readv;
    return reads && e->result > 0 && atomic_load_explicit(&e->to, memory_order_relaxed) > 0;
}

/* The calls of a ring that are about that request, each given to `use`. */
typedef void using(void *ctx, const struct ls_ledger_entry *e);

static void each(const struct ls_ledgers *all, uint32_t ring, uint64_t about, using *use, void *ctx)
{
    struct ls_ledger_entry e;
    uint64_t end = ls_ledgers_end(all, ring);
    for (uint64_t i = ls_ledgers_oldest(all, ring); i < end; i++)
        if (ls_ledgers_about(all, ring, i) == about && ls_ledgers_read(all, ring, i, &e) &&
            e.about == about)
            use(ctx, &e);
}

struct listing {
    struct ls_buffer *b;
    uint64_t zero; /* ticks; 0: not known yet */
    uint64_t first;
    double rate;
    uint32_t lines;
};

static void find_zero(void *ctx, const struct ls_ledger_entry *e)
{
    struct listing *l = ctx;
    if (l->first == 0)
        l->first = e->from;
    if (l->zero == 0 && brings_bytes(e))
        l->zero = atomic_load_explicit(&e->to, memory_order_relaxed);
}

static void list(void *ctx, const struct ls_ledger_entry *e)
{
    struct listing *l = ctx;
    append_line(l->b, e, l->zero, l->rate);
    l->lines++;
}

uint32_t ls_notation_request(struct ls_buffer *b, const struct ls_ledgers *all, uint64_t about)
{
    struct listing l = { .b = b, .rate = ls_ledgers_us_per_tick(all) };
    for (uint32_t ring = 0; ring < all->count; ring++)
        each(all, ring, about, find_zero, &l);
    if (l.zero == 0)
        l.zero = l.first;
    for (uint32_t ring = 0; ring < all->count && l.first > 0; ring++)
        each(all, ring, about, list, &l);
    return l.lines;
}

void ls_notation_last(struct ls_buffer *b, const struct ls_ledgers *all, uint32_t ring,
                      uint32_t most)
{
    struct listing l = { .b = b, .zero = __rdtsc(), .rate = ls_ledgers_us_per_tick(all) };
    struct ls_ledger_entry e;
    uint64_t end = ls_ledgers_end(all, ring), from = ls_ledgers_oldest(all, ring);
    if (end - from > most)
        from = end - most;
    for (; from < end; from++)
        if (ls_ledgers_read(all, ring, from, &e))
            list(&l, &e);
}
