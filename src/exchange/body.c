#include "exchange/body.h"

void ls_body_begin(struct ls_body *b, const struct ls_head *h)
{
    *b = (struct ls_body) { .chunked = h->chunked, .left = h->chunked ? 0 : h->content_length };
    b->done = !b->chunked && b->left == 0;
}

static int take_chunked(struct ls_body *b, struct ls_input *in, struct ls_slice *content)
{
    struct ls_slice rest;
    while (!b->chunks.done && (rest = ls_input_rest(in)).len > 0) {
        int64_t taken = ls_chunked_feed(&b->chunks, rest, content);
        if (taken < 0)
            return (int)taken;
        ls_input_use(in, (size_t)taken);
        if (content->len > 0)
            return 1;
    }
    b->done = b->chunks.done;
    return 0;
}

static int take_counted(struct ls_body *b, struct ls_input *in, struct ls_slice *content)
{
    *content = ls_input_rest(in);
    if (content->len > b->left)
        content->len = (size_t)b->left;
    ls_input_use(in, content->len);
    b->left -= content->len;
    b->done = b->left == 0;
    return content->len > 0;
}

int ls_body_take(struct ls_body *b, struct ls_input *in, struct ls_slice *content)
{
    if (b->done)
        return 0;
    int got = b->chunked ? take_chunked(b, in, content) : take_counted(b, in, content);
    if (got > 0)
        b->taken += content->len;
    return got;
}

bool ls_body_exceeds(const struct ls_body *b, uint64_t most)
{
    return b->taken > most || b->left > most - b->taken;
}
