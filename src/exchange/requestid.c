#include "exchange/requestid.h"

void ls_request_id(uint64_t nonce, uint64_t client, uint64_t seq, char id[17])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t x = nonce + (client << 32) + seq; /* mixed by a bijection: splitmix64's */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    for (int i = 15; i >= 0; i--, x >>= 4)
        id[i] = digits[x & 15];
    id[16] = '\0';
}
