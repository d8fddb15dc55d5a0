#include "exchange/requestid.h"

uint64_t ls_request_number(uint64_t nonce, uint64_t client, uint64_t seq)
{
    uint64_t x = nonce + (client << 32) + seq; /* mixed by a bijection: splitmix64's */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

void ls_request_id(uint64_t nonce, uint64_t client, uint64_t seq, char id[17])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t x = ls_request_number(nonce, client, seq);
    for (int i = 15; i >= 0; i--, x >>= 4)
        id[i] = digits[x & 15];
    id[16] = '\0';
}

bool ls_request_parse(struct ls_slice id, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        *number = *number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return id.len == 16 && *number > 0;
}
