#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256 };

int ls_buffer_reserve(struct ls_buffer *b, size_t more)
{
    if (b->failed || more > SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return -ENOMEM;
    }
    if (b->cap - b->len >= more)
        return 0;
    size_t cap = b->cap ? b->cap : SMALLEST;
    while (cap - b->len < more)
        cap *= 2;
    char *at = realloc(b->at, cap);
    if (!at) {
        b->failed = true;
        return -ENOMEM;
    }
    b->at = at;
    b->cap = cap;
    return 0;
}

void ls_buffer_append(struct ls_buffer *b, const void *bytes, size_t len)
{
    if (len == 0 || ls_buffer_reserve(b, len) < 0)
        return;
    memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

void ls_buffer_byte(struct ls_buffer *b, char byte)
{
    ls_buffer_append(b, &byte, 1);
}

void ls_buffer_decimal(struct ls_buffer *b, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    ls_buffer_append(b, digits + at, sizeof digits - at);
}

void ls_buffer_printf(struct ls_buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    b->failed |= len < 0;
    if (len >= 0 && ls_buffer_reserve(b, (size_t)len + 1) == 0) {
        vsnprintf(b->at + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

void ls_buffer_drop(struct ls_buffer *b, size_t len)
{
    b->len -= len;
    if (b->len > 0)
        memmove(b->at, b->at + len, b->len);
}

void ls_buffer_clear(struct ls_buffer *b)
{
    b->len = 0;
    b->failed = false;
}

void ls_buffer_slim(struct ls_buffer *b, size_t most)
{
    if (b->cap > most)
        ls_buffer_free(b);
}

void ls_buffer_free(struct ls_buffer *b)
{
    free(b->at);
    *b = (struct ls_buffer) { 0 };
}
