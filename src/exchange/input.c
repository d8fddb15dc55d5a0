#include "exchange/input.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 2048 }; /* most requests fit */

static void close_gap(struct ls_input *in)
{
    size_t gap = in->used - in->head;
    if (gap == 0)
        return;
    memmove(in->at + in->head, in->at + in->used, in->len - in->used);
    in->len -= gap;
    in->used = in->head;
}

static void grow(struct ls_input *in, size_t wanted, size_t most)
{
    size_t cap = in->cap ? in->cap * 2 : FIRST;
    while (cap < most && cap - in->len < wanted)
        cap *= 2;
    if (cap > most)
        cap = most;
    if (cap <= in->cap)
        return;
    char *at = realloc(in->at, cap);
    if (!at)
        return;
    in->at = at;
    in->cap = cap;
}

struct ls_slice ls_input_room(struct ls_input *in, size_t wanted, size_t most)
{
    if (in->cap - in->len < wanted)
        close_gap(in);
    if (in->cap - in->len < wanted)
        grow(in, wanted, most);
    return (struct ls_slice) { in->at + in->len, in->cap - in->len };
}

void ls_input_keep_head(struct ls_input *in, size_t head)
{
    in->head = in->used = head;
}

struct ls_slice ls_input_rest(const struct ls_input *in)
{
    return (struct ls_slice) { in->at + in->used, in->len - in->used };
}

void ls_input_use(struct ls_input *in, size_t len)
{
    in->used += len;
}

void ls_input_next(struct ls_input *in)
{
    in->head = 0;
    close_gap(in);
}

void ls_input_free(struct ls_input *in)
{
    free(in->at);
    *in = (struct ls_input) { 0 };
}
