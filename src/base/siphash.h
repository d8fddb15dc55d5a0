/* SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012): a hash under a secret key, so
 * that who does not know the key cannot choose inputs that collide. */
#ifndef LS_BASE_SIPHASH_H
#define LS_BASE_SIPHASH_H

#include "base/slice.h"

uint64_t ls_siphash(const unsigned char key[16], struct ls_slice input);

#endif
