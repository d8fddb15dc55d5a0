/* What a request is called, in X-Request-Id, in error pages and in the log. */
#ifndef LS_EXCHANGE_REQUESTID_H
#define LS_EXCHANGE_REQUESTID_H

#include <stdint.h>

/* The id of a request, 16 hexadecimal digits: unique for a nonce, a client and a request. */
void ls_request_id(uint64_t nonce, uint64_t client, uint64_t seq, char id[17]);

#endif
