/* What is in a folder, as a page or as JSON. */
#ifndef LS_EXCHANGE_LISTING_H
#define LS_EXCHANGE_LISTING_H

#include "exchange/engine.h"

/* Answers with a listing of the folder that `target` names beneath `www`, where listings are
 * configured and the target ends in "/": folders first, then files, each in the order of the bytes of their
 * names. HTML, or for who would rather have it (Accept) JSON:
 *
 *     [ { "name": "a b", "href": "a%20b/", "type": "folder", "modified": "2026-11-23T06:28:58Z" },
 *       { "name": "c", "href": "c", "type": "file", "size": 3, "modified": … } ]
 *
 * A name that is not UTF-8 cannot stand in a target: it is shown with U+FFFD for what is not, and
 * without href. Names that begin with "." and what cannot be served are left out. Folders with
 * more than LS_LISTING names are refused: 503, which says so.
 * 0: answered; or -status: -404 (no listing, no folder), -405 (not for this method), … */
int ls_listing_answer(struct ls_engine *e, const struct ls_www *www,
                      const struct ls_target *target);

enum { LS_LISTING = 20000 };

#endif
