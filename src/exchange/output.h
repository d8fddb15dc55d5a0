/* What waits to be written to a client: bytes, with stretches of one open file between them. */
#ifndef LS_EXCHANGE_OUTPUT_H
#define LS_EXCHANGE_OUTPUT_H

#include "base/buffer.h"
#include "http/range.h"

struct ls_stretch {
    size_t after; /* bytes that go before it */
    int64_t at;
    uint64_t left; /* > 0 */
};

struct ls_output {
    struct ls_buffer bytes;
    size_t sent;   /* of `bytes` */
    uint64_t gone; /* bytes that have been sent since the beginning, files and all */
    int file;      /* -1: none; owned */
    struct ls_stretch stretches[LS_RANGES];
    uint32_t first, count; /* those before `first` are sent */
};

void ls_output_init(struct ls_output *out);
bool ls_output_pending(const struct ls_output *out);
uint64_t ls_output_left(const struct ls_output *out); /* bytes still to be sent, file and all */

/* Bytes that go next; empty when it is a stretch's turn. */
struct ls_slice ls_output_ahead(const struct ls_output *out);
void ls_output_sent(struct ls_output *out, size_t bytes); /* of those */

/* The stretch that goes once nothing is ahead; NULL: none waits. */
struct ls_stretch *ls_output_stretch(struct ls_output *out);
/* Of that stretch; sendfile has moved its `at`. Closes the file behind the last one. */
void ls_output_file_sent(struct ls_output *out, uint64_t len);

/* Takes a file over, of which stretches will go; only while there is none. */
void ls_output_file(struct ls_output *out, int fd);
/* `len` bytes of the file from `at` follow what is there; at most LS_RANGES times a file. */
void ls_output_add_stretch(struct ls_output *out, uint64_t at, uint64_t len);

/* Takes back what was added behind the first `len` bytes, the file and all. */
void ls_output_cut(struct ls_output *out, size_t len);
void ls_output_free(struct ls_output *out);

#endif
