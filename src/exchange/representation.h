/* A file as the answer: which of its representations, on what conditions, and how much of it
 * (RFC 9110 8, 12.5.3, 13, 14). */
#ifndef LS_EXCHANGE_REPRESENTATION_H
#define LS_EXCHANGE_REPRESENTATION_H

#include "exchange/answer.h"

/* Answers with the file, and owns it. A 200 to GET or HEAD may become 206, 304, 412 or 416; any
 * other status gets the whole. The fields in e->response go along. */
void ls_representation_answer(struct ls_engine *e, int status, struct ls_file *file);

/* In LS_ENGINE_PACK: puts the next piece into the output, or ends the answer. 0 or -errno: it
 * cannot be completed. */
int ls_representation_more(struct ls_engine *e);

#endif
