/* Names of the constants that syscalls take. */
#ifndef LS_OS_SYMBOLS_H
#define LS_OS_SYMBOLS_H

#include "base/buffer.h"
#include "os/calls.h"

/* Appends `value` as an argument of that kind (LS_ARG_SYMBOLS and up): "AF_INET",
 * "SOCK_STREAM|SOCK_CLOEXEC"; what has no name as a number. `level` is of LS_ARG_OPTION: the
 * argument before it. */
void ls_symbols_text(struct ls_buffer *b, enum ls_arg kind, int64_t value, int64_t level);

#endif
