/* What a client has sent and nobody has used yet: the head of the request at hand, kept in place
 * while it is served, then bytes of its body and of what follows.
 *
 *     | head (kept) | used | taken from … to len | room |
 */
#ifndef LS_EXCHANGE_INPUT_H
#define LS_EXCHANGE_INPUT_H

#include "base/buffer.h"

struct ls_input {
    char *at;
    size_t len, cap;
    size_t head; /* bytes of the head that is being served; 0 between requests */
    size_t used; /* first byte that is not used up; >= head */
};

/* Room for `wanted` bytes, or for as many as there can be, moving bytes together and growing up to
 * `most`. The room, or an empty slice when `most` bytes are in use or memory is short. */
struct ls_slice ls_input_room(struct ls_input *in, size_t wanted, size_t most);
void ls_input_keep_head(struct ls_input *in, size_t head);
struct ls_slice ls_input_rest(const struct ls_input *in); /* not used yet */
void ls_input_use(struct ls_input *in, size_t len);
void ls_input_next(struct ls_input *in); /* the request is over: what is left comes to the front */
void ls_input_free(struct ls_input *in);

#endif
