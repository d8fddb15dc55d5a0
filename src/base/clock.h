/* Time. Both clocks are read through the vDSO: no syscall on any kernel we run on. */
#ifndef LS_BASE_CLOCK_H
#define LS_BASE_CLOCK_H

#include <stdint.h>

uint64_t ls_clock_us(void); /* CLOCK_MONOTONIC, microseconds; never goes back */

/* The sooner of two times; 0: never. */
static inline uint64_t ls_clock_sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

int64_t ls_clock_wall(void); /* seconds since 1970-01-01 UTC */

#endif
