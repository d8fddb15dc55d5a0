/* Filling in a struct luaserve_error, which may be NULL. Each returns -1. */
#ifndef LS_SERVER_ERROR_H
#define LS_SERVER_ERROR_H

#include "base/buffer.h"
#include "luaserve.h"

__attribute__((format(printf, 3, 4))) int
ls_error_set(struct luaserve_error *error, enum luaserve_code code, const char *format, ...);

/* "WHAT: why", code LUASERVE_OS. `err` is a -errno. */
int ls_error_os(struct luaserve_error *error, const char *what, int err);

/* Every line of `faults`, which is freed, but its last line feed; or that memory was short. */
int ls_error_config(struct luaserve_error *error, struct ls_buffer *faults, int err);

#endif
