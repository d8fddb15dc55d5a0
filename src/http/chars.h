/* Classes of bytes (RFC 9110 5.6.2 and 5.5, RFC 3986). */
#ifndef LS_HTTP_CHARS_H
#define LS_HTTP_CHARS_H

#include "base/slice.h"

bool ls_char_token(unsigned char byte); /* tchar */
bool ls_char_target(
    unsigned char byte); /* may stand in a request target: 0x21–0x7E less "<>\^`{|} and #;
                                            what browsers send raw ([ ] | ^ ` { }) is accepted */
int ls_char_hex(unsigned char byte); /* 0–15, or -1 */

/* Length of the longest prefix of which every byte may stand in a field value (HTAB, SP, VCHAR,
 * 0x80–0xFF). 16 bytes a step. */
size_t ls_chars_value(struct ls_slice text);

bool ls_chars_utf8(struct ls_slice text); /* well-formed: no overlong forms, no surrogates */

#endif
