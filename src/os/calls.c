#include "os/calls.h"

#include <sys/syscall.h>

#define A(kind)         LS_ARG_##kind
#define CALL(name, ...) [SYS_##name] = { #name, { __VA_ARGS__ } }

/* clang-format off */
static const struct ls_call calls[] = {
    CALL(socket, A(FAMILY), A(SOCKET_TYPE), A(INT)),
    CALL(setsockopt, A(INT), A(LEVEL), A(OPTION), A(INT_IN), A(INT)),
    CALL(getsockopt, A(INT), A(LEVEL), A(OPTION), A(INT_OUT), A(LENGTH)),
    CALL(getsockname, A(INT), A(ADDRESS_OUT), A(LENGTH)),
    CALL(bind, A(INT), A(ADDRESS_IN), A(INT)),
    CALL(listen, A(INT), A(INT)),
    CALL(accept4, A(INT), A(ADDRESS_OUT), A(LENGTH), A(SOCKET_FLAGS)),
    CALL(connect, A(INT), A(ADDRESS_IN), A(INT)),
    CALL(shutdown, A(INT), A(HOW_SHUT)),
    CALL(sendto, A(INT), A(BYTES_IN), A(UNSIGNED), A(MESSAGE_FLAGS), A(ADDRESS_IN), A(INT)),
    CALL(recvfrom, A(INT), A(BYTES_OUT), A(UNSIGNED), A(MESSAGE_FLAGS), A(ADDRESS_OUT), A(LENGTH)),
    CALL(sendfile, A(INT), A(INT), A(OFFSET_IN), A(UNSIGNED)),

    CALL(openat2, A(DIR), A(PATH_IN), A(HOW_IN), A(UNSIGNED)),
    CALL(fstat, A(INT), A(STATUS_OUT)),
    CALL(newfstatat, A(DIR), A(PATH_IN), A(STATUS_OUT), A(AT_FLAGS)),
    CALL(lseek, A(INT), A(INT), A(WHENCE)),
    CALL(getdents64, A(INT), A(POINTER), A(UNSIGNED)),
    CALL(mkdir, A(PATH_IN), A(UNSIGNED)),
    CALL(rmdir, A(PATH_IN)),
    CALL(unlink, A(PATH_IN)),
    CALL(read, A(INT), A(BYTES_OUT), A(UNSIGNED)),
    CALL(readv, A(INT), A(PARTS_OUT), A(INT)),
    CALL(pread64, A(INT), A(BYTES_OUT), A(UNSIGNED), A(INT)),
    CALL(write, A(INT), A(BYTES_IN), A(UNSIGNED)),
    CALL(writev, A(INT), A(PARTS_IN), A(INT)),
    CALL(dup, A(INT)),
    CALL(dup3, A(INT), A(INT), A(DESCRIPTOR_FLAGS)),
    CALL(fcntl, A(INT), A(FCNTL), A(INT)),
    CALL(pipe2, A(PAIR_OUT), A(DESCRIPTOR_FLAGS)),
    CALL(close, A(INT)),
    CALL(close_range, A(UNSIGNED), A(UNSIGNED), A(RANGE_FLAGS)),

    CALL(ppoll, A(POLL_IN), A(UNSIGNED), A(TIME_IN), A(POINTER), A(UNSIGNED)),
    CALL(epoll_create1, A(DESCRIPTOR_FLAGS)),
    CALL(epoll_ctl, A(INT), A(EPOLL_OPERATION), A(INT), A(EVENT_IN)),
    CALL(epoll_pwait, A(INT), A(EVENTS_OUT), A(INT), A(INT), A(POINTER), A(UNSIGNED)),
    CALL(eventfd2, A(UNSIGNED), A(EVENTFD_FLAGS)),
    CALL(timerfd_create, A(CLOCK), A(DESCRIPTOR_FLAGS)),
    CALL(timerfd_settime, A(INT), A(INT), A(POINTER), A(POINTER)),

    CALL(clone, A(CLONE_FLAGS), A(POINTER), A(POINTER), A(POINTER), A(POINTER)),
    CALL(wait4, A(INT), A(INT_OUT), A(WAIT_FLAGS), A(POINTER)),
    CALL(waitid, A(INT), A(INT), A(POINTER), A(WAIT_FLAGS), A(POINTER)),
    CALL(kill, A(INT), A(SIGNAL)),
    CALL(rt_sigqueueinfo, A(INT), A(SIGNAL), A(POINTER)),
    CALL(pidfd_open, A(INT), A(UNSIGNED)),
    CALL(pidfd_send_signal, A(INT), A(SIGNAL), A(POINTER), A(UNSIGNED)),
    CALL(rt_sigaction, A(SIGNAL), A(POINTER), A(POINTER), A(UNSIGNED)),
    CALL(rt_sigprocmask, A(MASK_HOW), A(SET_IN), A(POINTER), A(UNSIGNED)),
    CALL(rt_sigpending, A(POINTER), A(UNSIGNED)),
    CALL(rt_sigtimedwait, A(SET_IN), A(POINTER), A(TIME_IN), A(UNSIGNED)),
    CALL(signalfd4, A(INT), A(SET_IN), A(UNSIGNED), A(DESCRIPTOR_FLAGS)),
    CALL(sigaltstack, A(POINTER), A(POINTER)),
    CALL(getpid),
    CALL(getppid),
    CALL(setpgid, A(INT), A(INT)),
    CALL(geteuid),
    CALL(setgroups, A(UNSIGNED), A(POINTER)),
    CALL(setresgid, A(INT), A(INT), A(INT)),
    CALL(setresuid, A(INT), A(INT), A(INT)),
    CALL(prctl, A(PRCTL), A(UNSIGNED), A(UNSIGNED), A(UNSIGNED), A(UNSIGNED)),
    CALL(seccomp, A(UNSIGNED), A(UNSIGNED), A(POINTER)),
    CALL(prlimit64, A(INT), A(RESOURCE), A(POINTER), A(POINTER)),
    CALL(get_robust_list, A(INT), A(POINTER), A(POINTER)),
    CALL(set_robust_list, A(POINTER), A(UNSIGNED)),
    CALL(futex, A(POINTER), A(FUTEX), A(UNSIGNED), A(TIME_IN), A(POINTER), A(UNSIGNED)),
    CALL(getrandom, A(POINTER), A(UNSIGNED), A(UNSIGNED)),
    CALL(clock_gettime, A(CLOCK), A(POINTER)),
    CALL(mmap, A(POINTER), A(UNSIGNED), A(PROTECTION), A(MAP_FLAGS), A(INT), A(UNSIGNED)),
    CALL(munmap, A(POINTER), A(UNSIGNED)),
    CALL(madvise, A(POINTER), A(UNSIGNED), A(ADVICE)),
    CALL(exit_group, A(INT)),
};
/* clang-format on */

const struct ls_call *ls_call_of(uint64_t nr)
{
    if (nr >= sizeof calls / sizeof *calls || !calls[nr].name)
        return NULL;
    return &calls[nr];
}
