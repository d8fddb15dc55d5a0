#include "os/fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include "os/sys.h"

enum { ANY_ROLE = -1, SHORT = 0 };

struct item {
    long nr;
    int role;  /* enum ls_fault_role, or ANY_ROLE */
    int error; /* or SHORT */
    uint64_t from, to;
    atomic_uint_fast64_t calls;
};

struct plan {
    struct ls_sys_gate gate; /* first: the gate is the plan */
    int role;                /* ANY_ROLE until it has become something */
    size_t count;
    struct item items[];
};

struct name {
    const char *text;
    int number;
};

/* clang-format off */
#define CALL(name)  { #name, SYS_##name }
#define ERROR(name) { #name, name }

static const struct name calls[] = {
    CALL(socket),          CALL(setsockopt),      CALL(getsockopt),      CALL(getsockname),
    CALL(bind),            CALL(listen),          CALL(accept4),         CALL(connect),
    CALL(shutdown),        CALL(sendto),          CALL(recvfrom),        CALL(sendfile),
    CALL(openat2),         CALL(fstat), CALL(newfstatat),           CALL(lseek),           CALL(getdents64),
    CALL(mkdir), CALL(rmdir), CALL(unlink),          CALL(read),            CALL(readv),           CALL(pread64),
    CALL(write),           CALL(writev),          CALL(dup),             CALL(dup3),
    CALL(fcntl), CALL(pipe2), CALL(pidfd_send_signal),           CALL(close),           CALL(close_range),     CALL(ppoll),
    CALL(epoll_create1),   CALL(epoll_ctl),       CALL(epoll_pwait),     CALL(clone),
    CALL(wait4),           CALL(waitid),          CALL(kill),            CALL(rt_sigqueueinfo),
    CALL(rt_sigaction),    CALL(rt_sigprocmask),  CALL(signalfd4),       CALL(getpid),
    CALL(getppid),         CALL(setpgid),         CALL(prctl),           CALL(seccomp),
    CALL(prlimit64),       CALL(get_robust_list), CALL(set_robust_list), CALL(futex),
    CALL(getrandom),       CALL(clock_gettime),   CALL(geteuid),         CALL(sigaltstack),
    CALL(setgroups),       CALL(setresgid),       CALL(setresuid),       CALL(mmap),
    CALL(munmap), CALL(madvise),          CALL(exit_group),      CALL(eventfd2),
    CALL(timerfd_create),  CALL(timerfd_settime), CALL(pidfd_open),      CALL(rt_sigpending),
    CALL(rt_sigtimedwait),
};

static const struct name errors[] = {
    ERROR(EACCES),        ERROR(EADDRINUSE),    ERROR(EADDRNOTAVAIL), ERROR(EAGAIN),
    ERROR(EBADF),         ERROR(EBUSY),         ERROR(ECHILD),        ERROR(ECONNABORTED),
    ERROR(ECONNREFUSED),  ERROR(ECONNRESET),    ERROR(EEXIST),        ERROR(EFAULT),
    ERROR(EFBIG),         ERROR(EHOSTUNREACH),  ERROR(EINPROGRESS),   ERROR(EINTR),
    ERROR(EINVAL),        ERROR(EIO),           ERROR(EISDIR),        ERROR(ELOOP),
    ERROR(EMFILE),        ERROR(ENAMETOOLONG),  ERROR(ENETUNREACH),   ERROR(ENFILE),
    ERROR(ENOBUFS),       ERROR(ENODEV),        ERROR(ENOENT),        ERROR(ENOMEM),
    ERROR(ENOSPC),        ERROR(ENOSYS),        ERROR(ENOTCONN),      ERROR(ENOTDIR),
    ERROR(EPERM),         ERROR(EPIPE),         ERROR(EPROTO),        ERROR(ESRCH),
    ERROR(ETIMEDOUT),     ERROR(EXDEV),
};
/* clang-format on */

static const struct name roles[] = {
    { "supervisor", LS_FAULT_SUPERVISOR },
    { "worker", LS_FAULT_WORKER },
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool number_of(const struct name *names, size_t count, struct ls_slice text, int *number)
{
    for (size_t i = 0; i < count; i++) {
        if (ls_slice_equal(ls_slice_of(names[i].text), text)) {
            *number = names[i].number;
            return true;
        }
    }
    return false;
}

/* What stands before the first `byte` moves from *text to *part; false where there is none. */
static bool cut(struct ls_slice *text, char byte, struct ls_slice *part)
{
    size_t at = ls_slice_find(*text, 0, byte);
    if (at == text->len)
        return false;
    *part = (struct ls_slice) { text->at, at };
    *text = ls_slice_from(*text, at + 1);
    return true;
}

static bool can_be_short(long nr)
{
    return nr == SYS_read || nr == SYS_pread64 || nr == SYS_write || nr == SYS_sendto ||
           nr == SYS_recvfrom || nr == SYS_sendfile || nr == SYS_readv || nr == SYS_writev;
}

static bool read_which(struct ls_slice text, struct item *item)
{
    bool onward = ls_slice_ends(text, LS_SLICE("+"));
    if (onward)
        text.len--;
    if (ls_slice_to_u64(text, &item->from) < 0 || item->from == 0)
        return false;
    item->to = onward ? UINT64_MAX : item->from;
    return true;
}

static bool read_effect(struct ls_slice text, struct item *item)
{
    if (!ls_slice_equal(text, LS_SLICE("short")))
        return number_of(errors, COUNT(errors), text, &item->error);
    item->error = SHORT;
    return can_be_short(item->nr);
}

static bool read_item(struct ls_slice text, struct item *item)
{
    struct ls_slice role, name, which;
    int nr;
    item->role = ANY_ROLE;
    if (cut(&text, '/', &role) && !number_of(roles, COUNT(roles), role, &item->role))
        return false;
    if (!cut(&text, ':', &name) || !number_of(calls, COUNT(calls), name, &nr))
        return false;
    item->nr = nr;
    return cut(&text, ':', &which) && read_which(which, item) && read_effect(text, item);
}

/* At most one byte of the first part that is not empty. */
static long short_parts(long nr, const long args[6])
{
    const struct iovec *parts = (const struct iovec *)args[1];
    long first = 0;
    while (first < args[2] && parts[first].iov_len == 0)
        first++;
    if (first >= args[2])
        return ls_sys_raw(nr, args);
    struct iovec one = { parts[first].iov_base, 1 };
    return ls_sys_raw(nr, (const long[6]) { args[0], (long)&one, 1 });
}

static long short_call(long nr, const long args[6])
{
    if (nr == SYS_readv || nr == SYS_writev)
        return short_parts(nr, args);
    long capped[6];
    for (int i = 0; i < 6; i++)
        capped[i] = args[i];
    long *len = &capped[nr == SYS_sendfile ? 3 : 2];
    if (*len != 0)
        *len = 1;
    return ls_sys_raw(nr, capped);
}

static bool is_due(struct item *item, int role, long nr)
{
    if (item->nr != nr || (item->role != ANY_ROLE && item->role != role))
        return false;
    uint64_t call = atomic_fetch_add(&item->calls, 1) + 1;
    return call >= item->from && call <= item->to;
}

/* All items count, also behind the one that holds. */
static long fault_pass(struct ls_sys_gate *gate, long nr, const long args[6])
{
    struct plan *plan = (struct plan *)gate;
    const struct item *due = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        if (is_due(&plan->items[i], plan->role, nr) && !due)
            due = &plan->items[i];
    }
    if (!due)
        return ls_sys_raw(nr, args);
    return due->error == SHORT ? short_call(nr, args) : -due->error;
}

/* Where the plan in force stands among the gates, or would. */
static struct ls_sys_gate **place(void)
{
    struct ls_sys_gate **at = &ls_sys_gate;
    while (*at && (*at)->pass != fault_pass)
        at = &(*at)->next;
    return at;
}

/* NULL without a plan. */
static struct plan *plan_in_force(void)
{
    return (struct plan *)*place();
}

static void put_in_force(struct plan *plan)
{
    struct ls_sys_gate **at = place();
    struct plan *earlier = (struct plan *)*at;
    if (plan)
        plan->gate.next = earlier ? earlier->gate.next : NULL;
    if (plan || earlier)
        *at = plan ? &plan->gate : earlier->gate.next;
    free(earlier);
}

static bool read_items(struct plan *plan, struct ls_slice text, struct ls_slice *bad)
{
    struct ls_slice part;
    for (bool last = false; !last;) {
        last = !cut(&text, ',', &part);
        *bad = ls_slice_trim(last ? text : part);
        if (!read_item(*bad, &plan->items[plan->count++]))
            return false;
    }
    return true;
}

int ls_fault_plan(struct ls_slice text, struct ls_slice *bad)
{
    *bad = ls_slice_from(text, text.len);
    if (ls_slice_trim(text).len == 0) {
        put_in_force(NULL);
        return 0;
    }
    size_t items = 1;
    for (size_t i = 0; i < text.len; i++)
        items += text.at[i] == ',';
    struct plan *plan = calloc(1, sizeof *plan + items * sizeof plan->items[0]);
    if (!plan)
        return -ENOMEM;
    plan->gate.pass = fault_pass;
    plan->role = ANY_ROLE;
    if (!read_items(plan, text, bad)) {
        free(plan);
        return -EINVAL;
    }
    put_in_force(plan);
    return 0;
}

void ls_fault_become(enum ls_fault_role role)
{
    struct plan *plan = plan_in_force();
    if (!plan)
        return;
    plan->role = (int)role;
    for (size_t i = 0; i < plan->count; i++)
        atomic_store(&plan->items[i].calls, 0);
}
