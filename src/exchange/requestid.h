/* What a request is called, in X-Request-Id, in error pages and in the log. */
#ifndef LS_EXCHANGE_REQUESTID_H
#define LS_EXCHANGE_REQUESTID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Unique for a nonce, a client and a request … */
uint64_t ls_request_number(uint64_t nonce, uint64_t client, uint64_t seq);

/* … and as an id, 16 hexadecimal digits. */
void ls_request_id(uint64_t nonce, uint64_t client, uint64_t seq, char id[17]);

/* The number that an id stands for. False: it is none. */
bool ls_request_parse(struct ls_slice id, uint64_t *number);

#endif
