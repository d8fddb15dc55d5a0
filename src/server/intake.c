#include "server/intake.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/chars.h"
#include "os/net.h"

enum {
    FAULTS = 50,      /* lines for one file; the rest is counted */
    FOUND_SHOWN = 60, /* bytes of a text */
    HOST_MAX = 64     /* bytes; longer ones are none */
};

/* ---- faults ---- */

static void append_found(struct ls_buffer *b, const struct ls_config_value *v)
{
    switch (v->type) {
    case LS_CONFIG_BOOLEAN:
        ls_buffer_text(b, v->boolean ? "true" : "false");
        break;
    case LS_CONFIG_INTEGER:
        ls_buffer_printf(b, "%lld", (long long)v->integer);
        break;
    case LS_CONFIG_NUMBER:
        if (isnan(v->number))
            ls_buffer_text(b, "nan"); /* the C library may print a sign */
        else
            ls_buffer_printf(b, "%.14g", v->number);
        break;
    case LS_CONFIG_STRING:
        ls_buffer_byte(b, '"');
        ls_configfile_plain(b, v->text, FOUND_SHOWN);
        ls_buffer_byte(b, '"');
        break;
    case LS_CONFIG_TABLE:
    case LS_CONFIG_OTHER:
    default:
        ls_buffer_printf(b, "a %.*s", (int)v->text.len, v->text.at);
        break;
    }
}

/* "config.lua: limits.wall: "; false when there have been enough. */
bool ls_intake_begin(struct ls_intake *in, const char *key)
{
    if (in->fault_count++ >= FAULTS)
        return false;
    if (in->file)
        ls_buffer_printf(in->faults, "%s: ", in->file);
    ls_configfile_plain(in->faults, ls_slice_of(key), FOUND_SHOWN);
    ls_buffer_text(in->faults, ": ");
    return true;
}

void ls_intake_unknown(struct ls_intake *in, const char *key)
{
    if (!ls_intake_begin(in, key))
        return;
    ls_buffer_text(in->faults, "unknown key");
    ls_schema_hint(in->faults, ls_slice_of(key));
    ls_buffer_byte(in->faults, '\n');
}

/* `expected` NULL: what the schema says. */
void ls_intake_wrong(struct ls_intake *in, const char *key, const struct ls_key *k,
                     const char *expected, const struct ls_config_value *v)
{
    if (!ls_intake_begin(in, key))
        return;
    ls_buffer_text(in->faults, "expected ");
    if (expected)
        ls_buffer_text(in->faults, expected);
    else
        ls_schema_expected(in->faults, k);
    ls_buffer_text(in->faults, ", found ");
    append_found(in->faults, v);
    ls_buffer_byte(in->faults, '\n');
}

void ls_intake_fault(struct ls_intake *in, const char *key, const char *line)
{
    if (ls_intake_begin(in, key))
        ls_buffer_printf(in->faults, "%s\n", line);
}

void ls_intake_end(struct ls_intake *in)
{
    if (in->fault_count > FAULTS)
        ls_buffer_printf(in->faults, "%s%sand %zu more\n", in->file ? in->file : "",
                         in->file ? ": " : "", in->fault_count - FAULTS);
}

/* ---- values ---- */

static void *field(struct ls_config *c, size_t offset)
{
    return (char *)c + offset;
}

/* A copy with a NUL behind it; NULL when memory is short. */
static char *copy_text(struct ls_intake *in, struct ls_slice text)
{
    char *copy = malloc(text.len + 1);
    if (!copy) {
        in->err = -ENOMEM;
        return NULL;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* `prefix`, the folder and `path`, which is relative. */
static char *join(struct ls_intake *in, const char *prefix, const char *path)
{
    struct ls_buffer b = { 0 };
    bool slash = ls_slice_ends(ls_slice_of(in->dir), LS_SLICE("/"));
    ls_buffer_printf(&b, "%s%s%s%s", prefix, in->dir, slash ? "" : "/", path);
    ls_buffer_byte(&b, '\0');
    if (b.failed) {
        ls_buffer_free(&b);
        in->err = -ENOMEM;
    }
    return b.at;
}

static char *copy_path(struct ls_intake *in, struct ls_slice text)
{
    char *path = copy_text(in, text);
    if (!path || !in->dir || path[0] == '/' || strcmp(path, "-") == 0)
        return path;
    char *whole = join(in, "", path);
    free(path);
    return whole;
}

/* A relative path of a Unix socket starts from the folder as well. */
char *ls_intake_listener(struct ls_intake *in, struct ls_slice text)
{
    const struct ls_slice local = LS_SLICE("unix:");
    char *listener = copy_text(in, text);
    if (!listener || !in->dir || !ls_slice_starts(text, local) || listener[local.len] == '/')
        return listener;
    char *whole = join(in, local.at, listener + local.len);
    free(listener);
    return whole;
}

bool ls_intake_is_text(const struct ls_config_value *v)
{
    return v->type == LS_CONFIG_STRING && v->text.len > 0 && !memchr(v->text.at, 0, v->text.len);
}

static bool is_host(struct ls_slice text)
{
    char whole[HOST_MAX + sizeof "[]:0"];
    struct ls_address address;
    bool six = ls_slice_find(text, 0, ':') < text.len;
    if (text.len > HOST_MAX)
        return false;
    snprintf(whole, sizeof whole, six ? "[%.*s]:0" : "%.*s:0", (int)text.len, text.at);
    return ls_address_parse(ls_slice_of(whole), &address) == 0;
}

/* The factor in which the key is kept: a duration given as a number is in seconds. */
static uint64_t factor(const struct ls_key *k)
{
    return k->kind == LS_KEY_DURATION ? 1000000 : 1;
}

static bool from_integer(const struct ls_key *k, int64_t integer, uint64_t *number)
{
    if (integer < 0 || (uint64_t)integer > UINT64_MAX / factor(k))
        return false;
    *number = (uint64_t)integer * factor(k);
    return true;
}

static bool from_number(const struct ls_key *k, double given, uint64_t *number)
{
    double scaled = round(given * (double)factor(k));
    if (!(scaled >= 0 && scaled < 0x1p63))
        return false; /* neither NaN nor infinity gets past this */
    *number = (uint64_t)scaled;
    return k->kind == LS_KEY_DURATION || scaled == given;
}

static bool from_text(const struct ls_key *k, struct ls_slice text, uint64_t *number)
{
    if (k->kind == LS_KEY_DURATION)
        return ls_duration_parse(text, number) == 0;
    return k->kind == LS_KEY_SIZE && ls_size_parse(text, number) == 0;
}

static bool store_number(struct ls_intake *in, const struct ls_key *k,
                         const struct ls_config_value *v)
{
    uint64_t number = 0;
    bool sound = v->type == LS_CONFIG_INTEGER  ? from_integer(k, v->integer, &number)
                 : v->type == LS_CONFIG_NUMBER ? from_number(k, v->number, &number)
                 : v->type == LS_CONFIG_STRING ? from_text(k, v->text, &number)
                                               : false;
    if (!sound || number < k->min || number > k->max)
        return false;
    *(uint64_t *)field(in->c, k->offset) = number;
    return true;
}

static bool store_choice(struct ls_intake *in, const struct ls_key *k,
                         const struct ls_config_value *v)
{
    struct ls_slice words = ls_slice_of(k->choices), word = v->text;
    if (v->type == LS_CONFIG_BOOLEAN)
        word = v->boolean ? LS_SLICE("true") : LS_SLICE("false");
    else if (v->type != LS_CONFIG_STRING)
        return false;
    for (unsigned i = 0;; i++) {
        size_t end = ls_slice_find(words, 0, ' ');
        if (ls_slice_equal(word, (struct ls_slice) { words.at, end })) {
            *(unsigned *)field(in->c, k->offset) = i;
            return true;
        }
        if (end == words.len)
            break;
        words = ls_slice_from(words, end + 1);
    }
    return false;
}

static bool store_boolean(struct ls_intake *in, const struct ls_key *k,
                          const struct ls_config_value *v)
{
    if (v->type != LS_CONFIG_BOOLEAN)
        return false;
    *(bool *)field(in->c, k->offset) = v->boolean;
    return true;
}

static bool is_place(struct ls_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.at[i];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= 'A' && byte <= 'Z') &&
            !(byte >= '0' && byte <= '9') && !strchr("/._-", byte))
            return false;
    }
    return text.len > 1 && text.at[0] == '/' && text.at[text.len - 1] != '/' &&
           !strstr(text.at, "//");
}

/* "" stands for false. */
static bool store_place(struct ls_intake *in, const struct ls_key *k,
                        const struct ls_config_value *v)
{
    char **at = field(in->c, k->offset);
    bool none = v->type == LS_CONFIG_BOOLEAN && !v->boolean;
    if (!none && (!ls_intake_is_text(v) || !is_place(v->text)))
        return false;
    char *text = copy_text(in, none ? LS_SLICE("") : v->text);
    if (text) {
        free(*at);
        *at = text;
    }
    return true;
}

static bool is_file_name(struct ls_slice text)
{
    return ls_slice_find(text, 0, '/') == text.len && !ls_slice_equal(text, LS_SLICE(".")) &&
           !ls_slice_equal(text, LS_SLICE(".."));
}

static bool store_text(struct ls_intake *in, const struct ls_key *k,
                       const struct ls_config_value *v)
{
    char **at = field(in->c, k->offset);
    if (!ls_intake_is_text(v) || (k->kind == LS_KEY_HOST && !is_host(v->text)) ||
        (k->kind == LS_KEY_NAME && !is_file_name(v->text)) ||
        (k->kind == LS_KEY_TOKEN && ls_chars_token(v->text) < v->text.len))
        return false;
    char *text = k->kind == LS_KEY_PATH ? copy_path(in, v->text) : copy_text(in, v->text);
    if (text) {
        free(*at);
        *at = text;
    }
    return true;
}

void ls_intake_mark(struct ls_intake *in, const struct ls_key *k)
{
    size_t count;
    in->c->origin[k - ls_schema(&count)] = (unsigned char)in->origin;
    if (k->named > 0)
        *(bool *)field(in->c, k->named) = in->origin != LS_BY_DEFAULT;
}

bool ls_intake_store(struct ls_intake *in, const struct ls_key *k, const struct ls_config_value *v)
{
    switch (k->kind) {
    case LS_KEY_INTEGER:
    case LS_KEY_SIZE:
    case LS_KEY_DURATION:
        return store_number(in, k, v);
    case LS_KEY_CHOICE:
        return store_choice(in, k, v);
    case LS_KEY_BOOLEAN:
        return store_boolean(in, k, v);
    case LS_KEY_NAME:
    case LS_KEY_TOKEN:
    case LS_KEY_HOST:
    case LS_KEY_PATH:
        return store_text(in, k, v);
    case LS_KEY_PLACE:
        return store_place(in, k, v);
    case LS_KEY_LIST:
    default:
        return false;
    }
}
