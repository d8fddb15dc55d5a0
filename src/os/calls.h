/* What arguments each syscall of os/sys.h takes: for what records calls and for what prints them. */
#ifndef LS_OS_CALLS_H
#define LS_OS_CALLS_H

#include <stddef.h>
#include <stdint.h>

enum ls_arg {
    LS_ARG_END,
    LS_ARG_INT,
    LS_ARG_UNSIGNED,
    LS_ARG_OCTAL,
    LS_ARG_POINTER, /* what it points to is not recorded */
    LS_ARG_DIR,     /* a descriptor, or AT_FDCWD */

    /* Pointers whose target is recorded, in whole or in part. IN: before the call; OUT: after it. */
    LS_ARG_BYTES_IN,  /* as many as the next argument says */
    LS_ARG_BYTES_OUT, /* as many as the result says */
    LS_ARG_PARTS_IN,  /* struct iovec, the next argument's number of them */
    LS_ARG_PARTS_OUT,
    LS_ARG_PATH_IN,
    LS_ARG_ADDRESS_IN, /* struct sockaddr, its length being the next argument … */
    LS_ARG_ADDRESS_OUT,
    LS_ARG_LENGTH, /* … or behind this pointer */
    LS_ARG_TIME_IN,
    LS_ARG_POLL_IN, /* struct pollfd, the next argument's number of them; and after the call */
    LS_ARG_EVENT_IN,
    LS_ARG_EVENTS_OUT,
    LS_ARG_INT_IN,
    LS_ARG_INT_OUT,
    LS_ARG_HOW_IN, /* struct open_how */
    LS_ARG_OFFSET_IN,
    LS_ARG_STATUS_OUT, /* struct stat */
    LS_ARG_SET_IN,     /* of signals */
    LS_ARG_PAIR_OUT,   /* of descriptors */

    LS_ARG_SYMBOLS, /* from here on: names of constants, see os/symbols.h */
    LS_ARG_FAMILY = LS_ARG_SYMBOLS,
    LS_ARG_SOCKET_TYPE,
    LS_ARG_SOCKET_FLAGS,
    LS_ARG_MESSAGE_FLAGS,
    LS_ARG_HOW_SHUT,
    LS_ARG_LEVEL,
    LS_ARG_OPTION,
    LS_ARG_OPEN_FLAGS,
    LS_ARG_DESCRIPTOR_FLAGS,
    LS_ARG_RESOLVE,
    LS_ARG_AT_FLAGS,
    LS_ARG_WHENCE,
    LS_ARG_FCNTL,
    LS_ARG_EPOLL_OPERATION,
    LS_ARG_EPOLL_EVENTS,
    LS_ARG_POLL_EVENTS,
    LS_ARG_EVENTFD_FLAGS,
    LS_ARG_RANGE_FLAGS,
    LS_ARG_CLONE_FLAGS,
    LS_ARG_SIGNAL,
    LS_ARG_MASK_HOW,
    LS_ARG_WAIT_FLAGS,
    LS_ARG_PROTECTION,
    LS_ARG_MAP_FLAGS,
    LS_ARG_ADVICE,
    LS_ARG_FUTEX,
    LS_ARG_CLOCK,
    LS_ARG_PRCTL,
    LS_ARG_RESOURCE,
    LS_ARG_SYMBOLS_END
};

struct ls_call {
    const char *name;
    unsigned char args[6]; /* enum ls_arg, up to LS_ARG_END */
};

const struct ls_call *ls_call_of(uint64_t nr); /* NULL: none of ours */

#endif
