#include "server/mimes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/chars.h"

bool ls_mimes_is_key(struct ls_slice key)
{
    return ls_slice_starts(key, LS_SLICE("mime.")) || ls_slice_starts(key, LS_SLICE("mime[\""));
}

/* `glb` of "mime.glb", `7z` of `mime["7z"]`. */
static struct ls_slice extension_of(struct ls_slice key)
{
    struct ls_slice name = ls_slice_from(key, 5);
    if (ls_slice_starts(name, LS_SLICE("\"")))
        return (struct ls_slice) { name.at + 1, name.len - 3 };
    return name;
}

static bool is_extension(struct ls_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.at[i] >= 'A' && text.at[i] <= 'Z') || text.at[i] == '.' ||
            !ls_char_token((unsigned char)text.at[i]))
            return false;
    return text.len > 0 && text.len < LS_MIME_EXTENSION;
}

/* type "/" subtype, and perhaps parameters (RFC 9110 8.3.1). */
static bool is_media_type(struct ls_slice text)
{
    size_t slash = ls_chars_token(text);
    if (slash == 0 || slash == text.len || text.at[slash] != '/')
        return false;
    struct ls_slice rest = ls_slice_from(text, slash + 1);
    size_t subtype = ls_chars_token(rest);
    struct ls_slice parameters = ls_slice_trim(ls_slice_from(rest, subtype));
    return subtype > 0 && ls_chars_value(text) == text.len &&
           (parameters.len == 0 || parameters.at[0] == ';');
}

static char *copy(struct ls_intake *in, struct ls_slice text)
{
    char *to = strndup(text.at, text.len);
    if (!to)
        in->err = -ENOMEM;
    return to;
}

static struct ls_mime_type *find(struct ls_config *c, struct ls_slice extension)
{
    for (size_t i = 0; i < c->mime_count; i++)
        if (ls_slice_equal(ls_slice_of(c->mime[i].extension), extension))
            return &c->mime[i];
    return NULL;
}

static void store(struct ls_intake *in, struct ls_slice extension, struct ls_slice type)
{
    struct ls_config *c = in->c;
    struct ls_mime_type *known = find(c, extension);
    char *name = copy(in, type);
    if (known && name) {
        free((char *)known->name);
        known->name = name;
        return;
    }
    char *key = name ? copy(in, extension) : NULL;
    struct ls_mime_type *more = key ? realloc(c->mime, (c->mime_count + 1) * sizeof *more) : NULL;
    if (!more) {
        in->err = -ENOMEM;
        free(key);
        free(name);
        return;
    }
    c->mime = more;
    c->mime[c->mime_count++] = (struct ls_mime_type) { key, name };
}

void ls_mimes_take(struct ls_intake *in, const char *key, const struct ls_config_value *v)
{
    struct ls_slice extension = extension_of(ls_slice_of(key));
    if (!is_extension(extension))
        ls_intake_fault(in, key,
                        "expected an extension of 1 to 11 bytes, in lower case and without a "
                        "point, as key");
    else if (!ls_intake_is_text(v) || !is_media_type(v->text))
        ls_intake_wrong(in, key, NULL, "a media type such as \"model/gltf-binary\"", v);
    else if (!find(in->c, extension) && in->c->mime_count == LS_CONFIG_MIMES)
        ls_intake_fault(in, key, "expected at most 200 types, found more");
    else
        store(in, extension, v->text);
}

_Static_assert(LS_CONFIG_MIMES == 200, "a message in ls_mimes_take says 200");

void ls_mimes_free(struct ls_config *c)
{
    for (size_t i = 0; i < c->mime_count; i++) {
        free((char *)c->mime[i].extension);
        free((char *)c->mime[i].name);
    }
    free(c->mime);
    c->mime = NULL;
    c->mime_count = 0;
}
