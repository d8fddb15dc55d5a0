#include "base/siphash.h"

enum { WORD = 8 };

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotated(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void round_of(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotated(s->v1, 13) ^ s->v0;
    s->v0 = rotated(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotated(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotated(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotated(s->v1, 17) ^ s->v2;
    s->v2 = rotated(s->v2, 32);
}

static void compress(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    round_of(s);
    round_of(s);
    s->v0 ^= word;
}

/* Up to 8 bytes, the first one lowest. */
static uint64_t word_of(const void *bytes, size_t len)
{
    uint64_t word = 0;
    if (len > 0)
        memcpy(&word, bytes, len);
    return word;
}

uint64_t ls_siphash(const unsigned char key[16], struct ls_slice input)
{
    uint64_t k0 = word_of(key, WORD), k1 = word_of(key + WORD, WORD);
    struct state s = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                       k1 ^ 0x7465646279746573 };
    size_t whole = input.len - input.len % WORD;
    for (size_t i = 0; i < whole; i += WORD)
        compress(&s, word_of(input.at + i, WORD));
    compress(&s, (uint64_t)input.len << 56 | word_of(input.at + whole, input.len - whole));
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        round_of(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
