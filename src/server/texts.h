/* The keys of config.lua that are one text or a list of them: secret, trusted_proxies. */
#ifndef LS_SERVER_TEXTS_H
#define LS_SERVER_TEXTS_H

#include "server/intake.h"

/* Is it such a key, or an element of one ("secret[2]")? NULL: neither. */
const struct ls_key *ls_texts_key(struct ls_slice key);

/* A value of the file. True: it is a list, whose elements are wanted. */
bool ls_texts_take(struct ls_intake *in, const char *key, const struct ls_config_value *v);

/* The same from one text with commas or blanks between its elements. */
void ls_texts_set(struct ls_intake *in, const struct ls_key *k, struct ls_slice text);

void ls_texts_free(struct ls_texts *t);

/* What the key takes. */
void ls_texts_expected(struct ls_buffer *b, const struct ls_key *key);

/* Up to the next comma or blank, which is taken off too. */
struct ls_slice ls_texts_word(struct ls_slice *rest);

#endif
