/* Recorded calls in strace's notation:
 *
 *       12 write(8, "HTTP/1.1 200 OK\r\nDate: Sun, 29 N"..., 178) = 178 <9>
 *
 * First the microseconds from when the request began to the call, then, at the end, those that it
 * took. Negative: the call was made before. A request begins when its first bytes have come. */
#ifndef LS_OS_NOTATION_H
#define LS_OS_NOTATION_H

#include "base/buffer.h"
#include "os/ledger.h"

/* The call alone, without times. */
void ls_notation_call(struct ls_buffer *b, const struct ls_ledger_entry *e);

/* Appends what is still known to have been done for that request, a line each. The number of lines. */
uint32_t ls_notation_request(struct ls_buffer *b, const struct ls_ledgers *all, uint64_t about);

/* The last calls of a ring, `most` of them, whatever they were made for; times are before `now`, in
 * ticks. */
void ls_notation_last(struct ls_buffer *b, const struct ls_ledgers *all, uint32_t ring,
                      uint32_t most);

#endif
