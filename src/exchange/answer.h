/* The answer to the request at hand: its head, and its content in one piece, from a file, or
 * piece by piece. Once one of these has returned well, the request is answered and no second
 * answer can be given. */
#ifndef LS_EXCHANGE_ANSWER_H
#define LS_EXCHANGE_ANSWER_H

#include "exchange/engine.h"

/* The fields and the type stand in e->response; `content` need only live until the return.
 * 0, or -ENOMEM with nothing sent. */
int ls_answer(struct ls_engine *e, int status, struct ls_slice content);

/* Content that lies in a file, with text between. */
struct ls_part {
    struct ls_slice heading; /* goes before it */
    struct ls_range range;   /* len may be 0 */
};

/* The parts, at most LS_RANGES, one after the other, and `end`. Keeps the descriptor of a file
 * that is sent later, which then is -1 in `file`. 0; -ENOMEM or -EIO (the file is shorter than
 * it was) with nothing sent. */
int ls_answer_parts(struct ls_engine *e, int status, struct ls_file *file,
                    const struct ls_part *parts, uint32_t count, struct ls_slice end);

/* The page of a status, with the fields that e->response holds: of errors the document root's
 * own (404.html) if there is one, else the standard one. With `detail` (which may be NULL) it is
 * always the standard one. */
void ls_answer_page(struct ls_engine *e, int status, const char *detail);

/* The same for what the log tells more of: the page shows the request's id. */
void ls_answer_incident(struct ls_engine *e, int status, const char *detail);
void ls_answer_refuse(struct ls_engine *e, int status); /* the page, and no fields */

/* Head, then pieces (chunked, or until close for a 1.0 client), then the end. 0 or -ENOMEM. */
int ls_answer_stream(struct ls_engine *e, int status);
int ls_answer_piece(struct ls_engine *e, struct ls_slice piece);
int ls_answer_end(struct ls_engine *e);
/* Takes back a stream of which nothing has been handed to the driver. False: too late. */
bool ls_answer_retract(struct ls_engine *e);
/* The head of a 101 to that protocol; it is no stream, but nothing else can be answered any more. 0 or
 * -ENOMEM. */
int ls_answer_switch(struct ls_engine *e, const char *protocol);
bool ls_answer_begun(const struct ls_engine *e); /* a stream has begun and not ended */

enum { LS_ANSWER_DRAIN = 64 << 10 }; /* bytes of an unread body taken in to keep a connection */

#endif
