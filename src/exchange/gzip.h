/* Compression of a file while it is sent (RFC 1952), by the system's zlib. The library is loaded
 * when a server asks for it, and not linked: each mapping makes every fork dearer. */
#ifndef LS_EXCHANGE_GZIP_H
#define LS_EXCHANGE_GZIP_H

#include "base/buffer.h"

struct ls_gzip;    /* the library */
struct ls_packing; /* one file on its way through it */

struct ls_gzip *ls_gzip_load(void); /* NULL: there is no libz.so.1 here */
void ls_gzip_unload(struct ls_gzip **gzip);

/* Takes `fd`, a file of `size` bytes, over; NULL and the descriptor left alone without memory. */
struct ls_packing *ls_packing_begin(const struct ls_gzip *gzip, int fd, uint64_t size);

/* The next compressed bytes in *block (a part of the packing's memory, good until the next call);
 * empty at the end. 0; -EIO: the file has become too short or cannot be read. */
int ls_packing_next(struct ls_packing *p, struct ls_slice *block);

void ls_packing_free(struct ls_packing **p); /* closes the file */

#endif
