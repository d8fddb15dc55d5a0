/* Time. Both clocks are read through the vDSO: no syscall on any kernel we run on. */
#ifndef LS_BASE_CLOCK_H
#define LS_BASE_CLOCK_H

#include <stdint.h>

uint64_t ls_clock_us(void);  /* CLOCK_MONOTONIC, microseconds; never goes back */
int64_t ls_clock_wall(void); /* seconds since 1970-01-01 UTC */

#endif
