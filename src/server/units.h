/* Durations and sizes as text: "10s", "64K". Reading them is declared in config.h. */
#ifndef LS_SERVER_UNITS_H
#define LS_SERVER_UNITS_H

#include "base/buffer.h"

/* Appends the shortest exact form: 90000000 µs is "90s", 60000000 µs "1m", 0 "0". */
void ls_duration_text(struct ls_buffer *b, uint64_t microseconds);
void ls_size_text(struct ls_buffer *b, uint64_t bytes); /* 65536 is "64K" */

#endif
