#include "os/symbols.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

struct symbol {
    const char *name;
    uint64_t value;
};

struct symbols {
    const struct symbol *all;
    size_t count;
    uint64_t one;     /* bits of which the value names one; the others are flags, each on its own */
    const char *none; /* of no flags at all */
};

#define S(name)                                                                                    \
    {                                                                                              \
#name, (uint64_t)(name)                                                                    \
    }
#define EVERY UINT64_MAX

/* clang-format off */
static const struct symbol family[] = { S(AF_UNSPEC), S(AF_UNIX), S(AF_INET), S(AF_INET6) };
static const struct symbol type[] = { S(SOCK_STREAM), S(SOCK_DGRAM), S(SOCK_CLOEXEC), S(SOCK_NONBLOCK) };
static const struct symbol socket_flags[] = { S(SOCK_CLOEXEC), S(SOCK_NONBLOCK) };
static const struct symbol message[] = { S(MSG_PEEK), S(MSG_DONTWAIT), S(MSG_NOSIGNAL), S(MSG_MORE),
                                         S(MSG_OOB), S(MSG_TRUNC) };
static const struct symbol shut[] = { S(SHUT_RD), S(SHUT_WR), S(SHUT_RDWR) };
static const struct symbol level_names[] = { S(SOL_SOCKET), { "SOL_TCP", IPPROTO_TCP },
                                             { "SOL_IPV6", IPPROTO_IPV6 }, { "SOL_IP", IPPROTO_IP } };
static const struct symbol open_flags[] = { S(O_RDONLY), S(O_WRONLY), S(O_RDWR), S(O_CREAT), S(O_EXCL),
    S(O_NOCTTY), S(O_TRUNC), S(O_APPEND), S(O_NONBLOCK), S(O_DIRECTORY), S(O_NOFOLLOW), S(O_CLOEXEC) };
static const struct symbol descriptor_flags[] = { S(O_CLOEXEC), S(O_NONBLOCK) };
static const struct symbol resolve[] = { S(RESOLVE_NO_XDEV), S(RESOLVE_NO_MAGICLINKS), S(RESOLVE_NO_SYMLINKS),
    S(RESOLVE_BENEATH), S(RESOLVE_IN_ROOT) };
static const struct symbol at_flags[] = { S(AT_EMPTY_PATH), S(AT_SYMLINK_NOFOLLOW) };
static const struct symbol whence[] = { S(SEEK_SET), S(SEEK_CUR), S(SEEK_END) };
static const struct symbol fcntl_commands[] = { S(F_DUPFD), S(F_GETFD), S(F_SETFD), S(F_GETFL), S(F_SETFL),
                                                S(F_DUPFD_CLOEXEC) };
static const struct symbol epoll_operation[] = { S(EPOLL_CTL_ADD), S(EPOLL_CTL_MOD), S(EPOLL_CTL_DEL) };
static const struct symbol epoll_events[] = { S(EPOLLIN), S(EPOLLOUT), S(EPOLLRDHUP), S(EPOLLERR),
    S(EPOLLHUP), S(EPOLLPRI), S(EPOLLET), S(EPOLLONESHOT), S(EPOLLEXCLUSIVE) };
static const struct symbol poll_events[] = { S(POLLIN), S(POLLOUT), { "POLLRDHUP", 0x2000 }, S(POLLERR),
                                             S(POLLHUP), S(POLLPRI), S(POLLNVAL) };
static const struct symbol eventfd_flags[] = { S(EFD_CLOEXEC), S(EFD_NONBLOCK), S(EFD_SEMAPHORE) };
static const struct symbol range[] = { S(CLOSE_RANGE_UNSHARE), S(CLOSE_RANGE_CLOEXEC) };
static const struct symbol clone_flags[] = { S(CLONE_VM), S(CLONE_FS), S(CLONE_FILES), S(CLONE_PIDFD),
    S(CLONE_PARENT), S(CLONE_CHILD_CLEARTID), S(CLONE_CHILD_SETTID), S(SIGCHLD) };
static const struct symbol signals[] = { S(SIGHUP), S(SIGINT), S(SIGQUIT), S(SIGILL), S(SIGABRT), S(SIGBUS),
    S(SIGFPE), S(SIGKILL), S(SIGSEGV), S(SIGPIPE), S(SIGALRM), S(SIGTERM), S(SIGUSR1), S(SIGUSR2), S(SIGCHLD),
    S(SIGURG), S(SIGXCPU), S(SIGWINCH), S(SIGSYS), S(SIGCONT), S(SIGSTOP) };
static const struct symbol mask_how[] = { S(SIG_BLOCK), S(SIG_UNBLOCK), S(SIG_SETMASK) };
static const struct symbol wait_flags[] = { S(WNOHANG), S(WEXITED), S(WNOWAIT), S(WSTOPPED), S(WCONTINUED) };
static const struct symbol protection[] = { S(PROT_READ), S(PROT_WRITE), S(PROT_EXEC) };
static const struct symbol map_flags[] = { S(MAP_SHARED), S(MAP_PRIVATE), S(MAP_FIXED), S(MAP_ANONYMOUS),
                                           S(MAP_NORESERVE), S(MAP_STACK) };
static const struct symbol advice[] = { S(MADV_NORMAL), S(MADV_WILLNEED), S(MADV_DONTNEED), S(MADV_FREE) };
static const struct symbol futex[] = { S(FUTEX_WAIT), S(FUTEX_WAKE), S(FUTEX_WAIT_BITSET),
                                       S(FUTEX_PRIVATE_FLAG), S(FUTEX_CLOCK_REALTIME) };
static const struct symbol clocks[] = { S(CLOCK_REALTIME), S(CLOCK_MONOTONIC), S(CLOCK_PROCESS_CPUTIME_ID) };
static const struct symbol prctls[] = { S(PR_SET_PDEATHSIG), S(PR_SET_DUMPABLE), S(PR_GET_TID_ADDRESS),
                                        S(PR_SET_NO_NEW_PRIVS), S(PR_SET_NAME) };
static const struct symbol resources[] = { S(RLIMIT_AS), S(RLIMIT_DATA), S(RLIMIT_CORE), S(RLIMIT_CPU),
                                           S(RLIMIT_NOFILE), S(RLIMIT_FSIZE), S(RLIMIT_NPROC) };
static const struct symbol of_sockets[] = { S(SO_REUSEADDR), S(SO_REUSEPORT), S(SO_ERROR), S(SO_LINGER),
    S(SO_RCVBUF), S(SO_SNDBUF), S(SO_KEEPALIVE), S(SO_PEERCRED), S(SO_DOMAIN), S(SO_TYPE), S(SO_ACCEPTCONN) };
static const struct symbol of_tcp[] = { S(TCP_NODELAY), S(TCP_CORK), S(TCP_DEFER_ACCEPT), S(TCP_INFO),
                                        S(TCP_USER_TIMEOUT), S(TCP_QUICKACK) };
static const struct symbol of_ipv6[] = { S(IPV6_V6ONLY) };

#define IN(all, one, none) { all, sizeof all / sizeof *all, one, none }

static const struct symbols tables[LS_ARG_SYMBOLS_END - LS_ARG_SYMBOLS] = {
#define OF(kind, ...) [LS_ARG_##kind - LS_ARG_SYMBOLS] = IN(__VA_ARGS__)
    OF(FAMILY, family, EVERY, NULL),
    OF(SOCKET_TYPE, type, 0xf, NULL),
    OF(SOCKET_FLAGS, socket_flags, 0, "0"),
    OF(MESSAGE_FLAGS, message, 0, "0"),
    OF(HOW_SHUT, shut, EVERY, NULL),
    OF(LEVEL, level_names, EVERY, NULL),
    OF(OPEN_FLAGS, open_flags, O_ACCMODE, NULL),
    OF(DESCRIPTOR_FLAGS, descriptor_flags, 0, "0"),
    OF(RESOLVE, resolve, 0, "0"),
    OF(AT_FLAGS, at_flags, 0, "0"),
    OF(WHENCE, whence, EVERY, NULL),
    OF(FCNTL, fcntl_commands, EVERY, NULL),
    OF(EPOLL_OPERATION, epoll_operation, EVERY, NULL),
    OF(EPOLL_EVENTS, epoll_events, 0, "0"),
    OF(POLL_EVENTS, poll_events, 0, "0"),
    OF(EVENTFD_FLAGS, eventfd_flags, 0, "0"),
    OF(RANGE_FLAGS, range, 0, "0"),
    OF(CLONE_FLAGS, clone_flags, 0xff, "0"),
    OF(SIGNAL, signals, EVERY, NULL),
    OF(MASK_HOW, mask_how, EVERY, NULL),
    OF(WAIT_FLAGS, wait_flags, 0, "0"),
    OF(PROTECTION, protection, 0, "PROT_NONE"),
    OF(MAP_FLAGS, map_flags, 0, "0"),
    OF(ADVICE, advice, EVERY, NULL),
    OF(FUTEX, futex, 0x7f, NULL),
    OF(CLOCK, clocks, EVERY, NULL),
    OF(PRCTL, prctls, EVERY, NULL),
    OF(RESOURCE, resources, EVERY, NULL),
};
/* clang-format on */

static const struct symbols sockets = IN(of_sockets, EVERY, NULL);
static const struct symbols tcp = IN(of_tcp, EVERY, NULL);
static const struct symbols ipv6 = IN(of_ipv6, EVERY, NULL);
static const struct symbols nothing = { NULL, 0, EVERY, NULL };

static const struct symbols *options(int64_t level)
{
    switch (level) {
    case SOL_SOCKET:
        return &sockets;
    case IPPROTO_TCP:
        return &tcp;
    case IPPROTO_IPV6:
        return &ipv6;
    default:
        return &nothing;
    }
}

static void append(struct ls_buffer *b, size_t start, const char *name)
{
    if (b->len > start)
        ls_buffer_byte(b, '|');
    ls_buffer_text(b, name);
}

void ls_symbols_text(struct ls_buffer *b, enum ls_arg kind, int64_t value, int64_t level)
{
    const struct symbols *t =
        kind == LS_ARG_OPTION ? options(level) : &tables[kind - LS_ARG_SYMBOLS];
    uint64_t left = t->one == EVERY ? (uint64_t)value : (uint32_t)value; /* flags are an int */
    size_t start = b->len;
    bool named = false;
    if (left == 0 && t->none) {
        ls_buffer_text(b, t->none);
        return;
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct symbol *s = &t->all[i];
        uint64_t bits = s->value & t->one;
        bool is_one = t->one != 0 && bits == s->value && !named && (left & t->one) == bits;
        bool is_flag = (s->value & t->one) == 0 && s->value != 0 && (left & s->value) == s->value;
        if (!is_one && !is_flag)
            continue;
        append(b, start, s->name);
        named |= is_one;
        left &= ~(is_one ? t->one : s->value);
    }
    if (left == 0 && b->len > start)
        return;
    if (b->len > start)
        ls_buffer_byte(b, '|');
    ls_buffer_printf(b, t->one == EVERY ? "%" PRId64 : "%#" PRIx64, left);
}
