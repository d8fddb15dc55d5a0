/* What waits to be written to a client: bytes, then perhaps a stretch of an open file. */
#ifndef LS_EXCHANGE_OUTPUT_H
#define LS_EXCHANGE_OUTPUT_H

#include "base/buffer.h"

struct ls_output {
    struct ls_buffer bytes;
    size_t sent; /* of `bytes` */
    int file;    /* -1: none; owned */
    int64_t file_at;
    uint64_t file_left;
};

void ls_output_init(struct ls_output *out);
bool ls_output_pending(const struct ls_output *out);
uint64_t ls_output_left(const struct ls_output *out);     /* bytes still to be sent, file and all */
void ls_output_sent(struct ls_output *out, size_t bytes); /* of the bytes, not of the file */

/* `len` bytes of `fd` from its start follow the bytes; takes the descriptor over. */
void ls_output_file(struct ls_output *out, int fd, uint64_t len);
void ls_output_file_sent(struct ls_output *out, uint64_t len); /* closes it at its end */
void ls_output_free(struct ls_output *out);

#endif
