#include "http/multipart.h"

#include "http/chars.h"

/* ---- the boundary ---- */

static bool is_boundary(struct ls_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && (c == '\0' || !strchr("'()+_,-./:=? ", c)))
            return false;
    }
    return text.len > 0 && text.len <= LS_MULTIPART_BOUNDARY && text.at[text.len - 1] != ' ';
}

/* Takes `;name=value` off the front, with blanks around its parts. The value without its quotes. 1; 0
 * at the end; -400. */
static int take_parameter(struct ls_slice *rest, struct ls_slice *name, struct ls_slice *value)
{
    *rest = ls_slice_trim(*rest);
    if (rest->len == 0)
        return 0;
    if (rest->at[0] != ';')
        return -400;
    *rest = ls_slice_trim(ls_slice_from(*rest, 1));
    *name = (struct ls_slice) { rest->at, ls_chars_token(*rest) };
    if (name->len == 0)
        return rest->len == 0 ? 0 : -400; /* a ";" at the end */
    if (name->len == rest->len || rest->at[name->len] != '=')
        return -400;
    *rest = ls_slice_from(*rest, name->len + 1);
    if (rest->len == 0 || rest->at[0] != '"') {
        *value = (struct ls_slice) { rest->at, ls_chars_token(*rest) };
        *rest = ls_slice_from(*rest, value->len);
        return value->len > 0 ? 1 : -400;
    }
    size_t end = 1;
    while (end < rest->len && rest->at[end] != '"')
        end += rest->at[end] == '\\' && end + 1 < rest->len && strchr("\"\\", rest->at[end + 1])
                   ? 2
                   : 1;
    if (end >= rest->len)
        return -400;
    *value = (struct ls_slice) { rest->at + 1, end - 1 };
    *rest = ls_slice_from(*rest, end + 1);
    return 1;
}

int ls_multipart_init(struct ls_multipart *m, struct ls_slice content_type)
{
    size_t type = ls_slice_find(content_type, 0, ';');
    struct ls_slice rest = ls_slice_from(content_type, type), name, value, boundary = { NULL, 0 };
    int got;
    content_type.len = type;
    if (!ls_slice_equal_nocase(ls_slice_trim(content_type), LS_SLICE("multipart/form-data")))
        return -415;
    while ((got = take_parameter(&rest, &name, &value)) > 0) {
        if (!ls_slice_equal_nocase(name, LS_SLICE("boundary")))
            continue;
        if (boundary.at)
            return -400;
        boundary = value;
    }
    if (got < 0 || !boundary.at || !is_boundary(boundary))
        return -400;
    *m = (struct ls_multipart) { .len = boundary.len + 4 };
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.at, boundary.len);
    return 0;
}

/* ---- the header section of a part ---- */

/* Takes one line without its CR LF off the front. False: a CR or LF stands alone. */
static bool take_line(struct ls_slice *rest, struct ls_slice *line)
{
    size_t end = ls_slice_find(*rest, 0, '\r');
    *line = (struct ls_slice) { rest->at, end };
    if (end + 1 >= rest->len || rest->at[end + 1] != '\n')
        return false;
    *rest = ls_slice_from(*rest, end + 2);
    return ls_chars_value(*line) == line->len;
}

static bool is_text(struct ls_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
            return false;
    return ls_chars_utf8(text);
}

static int set_once(struct ls_slice *to, struct ls_slice value)
{
    if (to->at || !is_text(value))
        return -400;
    *to = value;
    return value.len <= LS_MULTIPART_NAME ? 0 : -431;
}

static int read_disposition(struct ls_slice value, struct ls_multipart_part *part)
{
    struct ls_slice name, text;
    size_t kind = ls_chars_token(value);
    int got, err = 0;
    if (part->name.at ||
        !ls_slice_equal_nocase((struct ls_slice) { value.at, kind }, LS_SLICE("form-data")))
        return -400;
    value = ls_slice_from(value, kind);
    while (err == 0 && (got = take_parameter(&value, &name, &text)) != 0) {
        if (got < 0)
            return got;
        if (ls_slice_equal_nocase(name, LS_SLICE("name")))
            err = set_once(&part->name, text);
        else if (ls_slice_equal_nocase(name, LS_SLICE("filename")))
            err = set_once(&part->filename, text);
    }
    part->is_file = part->filename.at != NULL;
    return err < 0 ? err : part->name.at ? 0 : -400;
}

static bool is_identity(struct ls_slice encoding)
{
    return ls_slice_equal_nocase(encoding, LS_SLICE("binary")) ||
           ls_slice_equal_nocase(encoding, LS_SLICE("8bit")) ||
           ls_slice_equal_nocase(encoding, LS_SLICE("7bit"));
}

static int read_field(struct ls_slice line, struct ls_multipart_part *part)
{
    size_t len = ls_chars_token(line);
    if (len == 0 || len == line.len || line.at[len] != ':')
        return -400;
    struct ls_slice name = { line.at, len }, value = ls_slice_trim(ls_slice_from(line, len + 1));
    if (ls_slice_equal_nocase(name, LS_SLICE("Content-Disposition")))
        return read_disposition(value, part);
    if (ls_slice_equal_nocase(name, LS_SLICE("Content-Type"))) {
        bool twice = part->type.at != NULL;
        part->type = value;
        return twice ? -400 : 0;
    }
    if (ls_slice_equal_nocase(name, LS_SLICE("Content-Transfer-Encoding")))
        return is_identity(value) ? 0 : -400;
    return 0;
}

/* Up to the empty line, which must be there. */
static int read_head(struct ls_slice head, struct ls_multipart_part *part)
{
    struct ls_slice line;
    *part = (struct ls_multipart_part) { .is_file = false };
    while (head.len > 0) {
        int err = take_line(&head, &line) ? read_field(line, part) : -400;
        if (err < 0)
            return err;
    }
    return part->name.at ? 0 : -400;
}

static int64_t feed_head(struct ls_multipart *m, struct ls_slice in, enum ls_multipart_event *event,
                         struct ls_multipart_part *part)
{
    size_t most = in.len < LS_MULTIPART_HEAD ? in.len : LS_MULTIPART_HEAD;
    const char *end = most > 0 ? memmem(in.at, most, "\r\n\r\n", 4) : NULL;
    if (most >= 2 && memcmp(in.at, "\r\n", 2) == 0)
        return -400; /* without any field */
    if (!end)
        return most < LS_MULTIPART_HEAD ? 0 : -431;
    size_t len = (size_t)(end - in.at) + 2;
    int err = read_head((struct ls_slice) { in.at, len }, part);
    if (err < 0)
        return err;
    *event = LS_MULTIPART_PART;
    m->at = LS_MULTIPART_AT_CONTENT;
    return (int64_t)len + 2;
}

/* ---- content ---- */

/* Where the delimiter begins, or could begin at the end; in.len: nowhere. */
static size_t find_delimiter(const struct ls_multipart *m, struct ls_slice in, bool *whole)
{
    const char *at = in.len > 0 ? memmem(in.at, in.len, m->delimiter, m->len) : NULL;
    *whole = at != NULL;
    if (at)
        return (size_t)(at - in.at);
    size_t keep = in.len < m->len - 1 ? in.len : m->len - 1;
    for (; keep > 0; keep--)
        if (memcmp(in.at + in.len - keep, m->delimiter, keep) == 0)
            break;
    return in.len - keep;
}

static int64_t feed_content(struct ls_multipart *m, struct ls_slice in,
                            enum ls_multipart_event *event, struct ls_slice *out)
{
    bool whole;
    size_t len = find_delimiter(m, in, &whole);
    *out = (struct ls_slice) { in.at, len };
    if (len > 0) {
        *event = LS_MULTIPART_CONTENT;
        return (int64_t)len;
    }
    if (!whole)
        return 0;
    *event = LS_MULTIPART_PART_END;
    m->at = LS_MULTIPART_AT_DELIMITER;
    return (int64_t)m->len;
}

/* Behind a boundary: "--" ends it all; blanks and CR LF begin a part. */
static int64_t feed_delimiter(struct ls_multipart *m, struct ls_slice in,
                              enum ls_multipart_event *event)
{
    if (in.len >= 2 && memcmp(in.at, "--", 2) == 0) {
        *event = LS_MULTIPART_END;
        m->at = LS_MULTIPART_AT_END;
        return (int64_t)in.len;
    }
    size_t blanks = 0;
    while (blanks < in.len && (in.at[blanks] == ' ' || in.at[blanks] == '\t'))
        blanks++;
    struct ls_slice rest = ls_slice_from(in, blanks);
    if (blanks >= LS_MULTIPART_HEAD)
        return -431;
    if ((rest.len > 0 && rest.at[0] != '\r' && (blanks > 0 || rest.at[0] != '-')) ||
        (rest.len > 1 && rest.at[1] != (rest.at[0] == '-' ? '-' : '\n')))
        return -400;
    if (rest.len < 2)
        return 0;
    m->at = LS_MULTIPART_AT_HEAD;
    return (int64_t)blanks + 2;
}

static int64_t feed_start(struct ls_multipart *m, struct ls_slice in)
{
    size_t want = m->len - 2, have = in.len < want ? in.len : want; /* no CR LF before the first */
    if (have > 0 && memcmp(in.at, m->delimiter + 2, have) != 0)
        return -400;
    if (have < want)
        return 0;
    m->at = LS_MULTIPART_AT_DELIMITER;
    return (int64_t)want;
}

static int64_t step(struct ls_multipart *m, struct ls_slice in, enum ls_multipart_event *event,
                    struct ls_slice *out, struct ls_multipart_part *part)
{
    switch (m->at) {
    case LS_MULTIPART_AT_START:
        return feed_start(m, in);
    case LS_MULTIPART_AT_DELIMITER:
        return feed_delimiter(m, in, event);
    case LS_MULTIPART_AT_HEAD:
        return feed_head(m, in, event, part);
    case LS_MULTIPART_AT_CONTENT:
        return feed_content(m, in, event, out);
    case LS_MULTIPART_AT_END:
    default:
        *event = LS_MULTIPART_END;
        return (int64_t)in.len;
    }
}

int64_t ls_multipart_feed(struct ls_multipart *m, struct ls_slice in,
                          enum ls_multipart_event *event, struct ls_slice *out,
                          struct ls_multipart_part *part)
{
    int64_t consumed = 0, got;
    *event = LS_MULTIPART_MORE;
    do {
        got = step(m, ls_slice_from(in, (size_t)consumed), event, out, part);
        consumed += got > 0 ? got : 0;
    } while (got > 0 && *event == LS_MULTIPART_MORE);
    return got < 0 ? got : consumed;
}

/* ---- names ---- */

size_t ls_multipart_unescape(struct ls_slice text, char *out)
{
    static const struct {
        char code[4], byte;
    } escapes[] = { { "%22", '"' }, { "%0D", '\r' }, { "%0A", '\n' } };
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        struct ls_slice rest = ls_slice_from(text, i);
        char byte = text.at[i];
        bool escaped = byte == '\\' && rest.len > 1 && (rest.at[1] == '"' || rest.at[1] == '\\');
        if (escaped)
            byte = text.at[++i];
        for (size_t k = 0; k < 3 && !escaped; k++) {
            if (rest.len < 3 || memcmp(rest.at, escapes[k].code, 3) != 0)
                continue;
            byte = escapes[k].byte;
            i += 2;
            break;
        }
        out[len++] = byte;
    }
    return len;
}

struct ls_slice ls_multipart_basename(struct ls_slice filename)
{
    for (size_t i = filename.len; i > 0; i--)
        if (filename.at[i - 1] == '/' || filename.at[i - 1] == '\\') {
            filename = ls_slice_from(filename, i);
            break;
        }
    if (ls_slice_equal(filename, LS_SLICE(".")) || ls_slice_equal(filename, LS_SLICE("..")))
        filename.len = 0;
    return filename;
}
