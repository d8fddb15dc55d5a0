/* Bytes that grow at the end and leave at the front.
 *
 * A failure to allocate is remembered in `failed`, and every later append does nothing: what is
 * built in many steps is checked once, at its end. All zero is a valid empty buffer. */
#ifndef LS_BASE_BUFFER_H
#define LS_BASE_BUFFER_H

#include "base/slice.h"

struct ls_buffer {
    char *at;
    size_t len;
    bool failed;
    size_t cap; /* private */
};

int ls_buffer_reserve(struct ls_buffer *b, size_t more); /* 0 or -ENOMEM; room behind at + len */
void ls_buffer_append(struct ls_buffer *b, const void *bytes, size_t len);

static inline void ls_buffer_slice(struct ls_buffer *b, struct ls_slice text)
{
    ls_buffer_append(b, text.at, text.len);
}

static inline void ls_buffer_text(struct ls_buffer *b, const char *text) /* up to its NUL */
{
    ls_buffer_append(b, text, strlen(text));
}

void ls_buffer_byte(struct ls_buffer *b, char byte);
void ls_buffer_decimal(struct ls_buffer *b, uint64_t number);
void ls_buffer_printf(struct ls_buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ls_buffer_drop(struct ls_buffer *b, size_t len);  /* the first len bytes; len <= b->len */
void ls_buffer_clear(struct ls_buffer *b);             /* keeps the memory, forgets the failure */
void ls_buffer_slim(struct ls_buffer *b, size_t most); /* of an empty one: keeps no more memory */
void ls_buffer_free(struct ls_buffer *b);              /* leaves it empty and usable */

#endif
