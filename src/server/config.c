#include "server/config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/configfile.h"
#include "os/folder.h"
#include "os/net.h"
#include "os/sys.h"
#include "server/schema.h"

/* ---- numbers with units ---- */

struct unit {
    const char *name;
    double factor;
};

/* Digits, perhaps a point and digits, then a unit. */
static int parse_units(struct ls_slice text, const struct unit *units, uint64_t *out)
{
    size_t at = 0;
    double number = 0, scale = 1;
    bool digits = false, point = false;
    for (; at < text.len; at++) {
        char c = text.at[at];
        if (c == '.' && digits && !point) {
            point = true;
        } else if (c >= '0' && c <= '9') {
            digits = true;
            number = number * 10 + (c - '0');
            scale = point ? scale * 10 : scale;
        } else {
            break;
        }
    }
    if (!digits || text.at[at - 1] == '.')
        return -EINVAL;
    struct ls_slice unit = ls_slice_from(text, at);
    for (; units->name; units++) {
        if (!ls_slice_equal(unit, ls_slice_of(units->name)))
            continue;
        number = number / scale * units->factor;
        if (!(number < 9e18))
            return -ERANGE;
        *out = (uint64_t)llround(number);
        return 0;
    }
    return -EINVAL;
}

int ls_duration_parse(struct ls_slice text, uint64_t *microseconds)
{
    static const struct unit units[] = { { "", 1e6 },  { "ms", 1e3 },  { "s", 1e6 },
                                         { "m", 6e7 }, { "h", 3.6e9 }, { NULL, 0 } };
    return parse_units(text, units, microseconds);
}

int ls_size_parse(struct ls_slice text, uint64_t *bytes)
{
    static const struct unit units[] = { { "", 1 },
                                         { "K", 1024.0 },
                                         { "M", 1048576.0 },
                                         { "G", 1073741824.0 },
                                         { "T", 1099511627776.0 },
                                         { NULL, 0 } };
    return parse_units(text, units, bytes);
}

/* ---- setting a key ---- */

struct setting { /* one file, or one call of ls_config_set, being taken over */
    struct ls_config *c;
    struct ls_buffer *faults;
    const char *source;
    bool failed;
};

static void *field(struct ls_config *c, size_t offset)
{
    return (char *)c + offset;
}

static void put_found(struct ls_buffer *out, const struct ls_config_value *value)
{
    switch (value->type) {
    case LS_CONFIG_BOOLEAN:
        ls_buffer_text(out, value->boolean ? "true" : "false");
        break;
    case LS_CONFIG_INTEGER:
        ls_buffer_printf(out, "%lld", (long long)value->integer);
        break;
    case LS_CONFIG_NUMBER:
        ls_buffer_printf(out, "%.14g", value->number);
        break;
    case LS_CONFIG_STRING:
        ls_buffer_printf(out, "\"%.*s\"", (int)(value->text.len < 100 ? value->text.len : 100),
                         value->text.at);
        break;
    default:
        ls_buffer_printf(out, "a %.*s", (int)value->text.len, value->text.at);
    }
}

static void fault_value(struct setting *s, const char *key, const char *expected,
                        const struct ls_config_value *value)
{
    s->failed = true;
    ls_buffer_printf(s->faults, "%s: %s: expected %s, found ", s->source, key, expected);
    put_found(s->faults, value);
    ls_buffer_byte(s->faults, '\n');
}

static void fault_key(struct setting *s, const char *key)
{
    const struct ls_key *near = ls_key_nearest(key);
    s->failed = true;
    ls_buffer_printf(s->faults, "%s: %s: unknown key", s->source, key);
    if (near)
        ls_buffer_printf(s->faults, "; did you mean %s?", near->name);
    ls_buffer_byte(s->faults, '\n');
}

static bool read_integer(const struct ls_config_value *value, uint64_t *number)
{
    if (value->type == LS_CONFIG_INTEGER && value->integer >= 0) {
        *number = (uint64_t)value->integer;
        return true;
    }
    return value->type == LS_CONFIG_NUMBER && value->number >= 0 && value->number < 9e15 &&
           floor(value->number) == value->number && (*number = (uint64_t)value->number, true);
}

static bool read_duration(const struct ls_config_value *value, uint64_t *number)
{
    if (value->type == LS_CONFIG_STRING)
        return ls_duration_parse(value->text, number) == 0;
    if ((value->type != LS_CONFIG_INTEGER && value->type != LS_CONFIG_NUMBER) ||
        !(value->number >= 0 && value->number < 1e12))
        return false;
    *number = (uint64_t)llround(value->number * 1e6);
    return true;
}

static bool read_number(const struct ls_key *key, const struct ls_config_value *value,
                        uint64_t *number)
{
    bool read = false;
    if (key->type == LS_KEY_DURATION)
        read = read_duration(value, number);
    else if (key->type == LS_KEY_SIZE && value->type == LS_CONFIG_STRING)
        read = ls_size_parse(value->text, number) == 0;
    else
        read = read_integer(value, number);
    return read && *number >= key->least && *number <= key->most;
}

static bool set_text(char **field_at, struct ls_slice text)
{
    char *copy = memchr(text.at, '\0', text.len) ? NULL : strndup(text.at, text.len);
    if (!copy)
        return false;
    free(*field_at);
    *field_at = copy;
    return true;
}

/* False: the value is not what the key expects. */
static bool set_value(struct ls_config *c, const struct ls_key *key,
                      const struct ls_config_value *value)
{
    void *at = field(c, key->offset);
    uint64_t number = 0;
    switch (key->type) {
    case LS_KEY_BOOLEAN:
        if (value->type == LS_CONFIG_BOOLEAN)
            *(bool *)at = value->boolean;
        return value->type == LS_CONFIG_BOOLEAN;
    case LS_KEY_LEVEL:
        return value->type == LS_CONFIG_STRING && ls_log_level_of(value->text, at) == 0;
    case LS_KEY_CHOICE:
        if (value->type != LS_CONFIG_STRING || !ls_slice_equal(value->text, LS_SLICE("fork")))
            return false;
        return set_text(at, value->text);
    case LS_KEY_STRING:
        return value->type == LS_CONFIG_STRING && value->text.len > 0 &&
               set_text(at, value->text);
    case LS_KEY_LIST:
        return false;
    default:
        if (!read_number(key, value, &number))
            return false;
        *(uint64_t *)at = number;
        return true;
    }
}

static void clear_list(struct ls_config *c)
{
    while (c->listen_count > 0) {
        free(c->listen[--c->listen_count]);
        c->listen[c->listen_count] = NULL;
    }
}

static void set_listen(struct setting *s, const char *key, const struct ls_config_value *value)
{
    struct ls_config *c = s->c;
    struct ls_address address;
    if (value->type != LS_CONFIG_STRING || ls_address_parse(value->text, &address) < 0) {
        fault_value(s, key, "an address such as \"0.0.0.0:80\", \"[::]:80\" or \"unix:/path\"",
                    value);
    } else if (c->listen_count == LS_CONFIG_LISTENERS) {
        fault_value(s, key, "at most 16 addresses", value);
    } else if (set_text(&c->listen[c->listen_count], value->text)) {
        c->listen_count++;
    }
}

static bool set_entry(void *ctx, const char *key, const struct ls_config_value *value)
{
    struct setting *s = ctx;
    const struct ls_key *known = ls_key_find(key);
    if (strncmp(key, "listen[", 7) == 0) {
        set_listen(s, key, value);
        return false;
    }
    if (value->type == LS_CONFIG_TABLE && ls_key_is_table(key))
        return true;
    if (!known && ls_key_is_table(key)) {
        fault_value(s, key, "a table", value);
    } else if (!known) {
        fault_key(s, key);
    } else if (known->type == LS_KEY_LIST && value->type == LS_CONFIG_TABLE) {
        clear_list(s->c);
        return true;
    } else if (!set_value(s->c, known, value)) {
        fault_value(s, key, known->expected, value);
    } else if (known->named) {
        *(bool *)field(s->c, known->named) = true;
    }
    return false;
}

/* A value written as text is what the key's type makes of it. */
static void value_of_text(const struct ls_key *key, const char *text,
                          struct ls_config_value *value)
{
    *value = (struct ls_config_value){ .type = LS_CONFIG_STRING, .text = ls_slice_of(text) };
    uint64_t number;
    if (key->type == LS_KEY_BOOLEAN && (!strcmp(text, "true") || !strcmp(text, "false"))) {
        value->type = LS_CONFIG_BOOLEAN;
        value->boolean = text[0] == 't';
    } else if (key->type == LS_KEY_INTEGER && ls_slice_to_u64(value->text, &number) == 0 &&
               number <= INT64_MAX) {
        value->type = LS_CONFIG_INTEGER;
        value->integer = (int64_t)number;
    }
}

/* A list is written with commas. */
static void set_list_text(struct setting *s, const char *key, const char *text)
{
    struct ls_slice rest = ls_slice_of(text);
    clear_list(s->c);
    while (rest.len > 0) {
        size_t end = ls_slice_find(rest, 0, ',');
        struct ls_config_value value = { .type = LS_CONFIG_STRING, .text = { rest.at, end } };
        set_listen(s, key, &value);
        rest = ls_slice_from(rest, end < rest.len ? end + 1 : end);
    }
}

int ls_config_set(struct ls_config *c, const char *key, const char *text,
                  struct ls_buffer *faults)
{
    struct setting s = { c, faults, "setting", false };
    const struct ls_key *known = ls_key_find(key);
    struct ls_config_value value;
    if (!known) {
        fault_key(&s, key);
    } else if (known->type == LS_KEY_LIST) {
        set_list_text(&s, key, text);
    } else {
        value_of_text(known, text, &value);
        set_entry(&s, key, &value);
    }
    return s.failed ? -EINVAL : faults->failed ? -ENOMEM : 0;
}

/* ---- a whole configuration ---- */

int ls_config_init(struct ls_config *c)
{
    struct ls_buffer faults = { 0 };
    int err = 0;
    *c = (struct ls_config){ .file = NULL };
    for (size_t i = 0; i < ls_key_count && err == 0; i++)
        if (ls_keys[i].usual)
            err = ls_config_set(c, ls_keys[i].name, ls_keys[i].usual, &faults);
    c->www_named = c->scripts_named = false;
    ls_buffer_free(&faults);
    if (err < 0)
        ls_config_free(c);
    return err < 0 ? -ENOMEM : 0;
}

void ls_config_free(struct ls_config *c)
{
    clear_list(c);
    for (size_t i = 0; i < ls_key_count; i++)
        if (ls_keys[i].type == LS_KEY_STRING || ls_keys[i].type == LS_KEY_CHOICE)
            free(*(char **)field(c, ls_keys[i].offset));
    free(c->file);
    free(c->dir);
    *c = (struct ls_config){ .file = NULL };
}

static bool remember_file(struct ls_config *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    free(c->file);
    free(c->dir);
    c->file = strdup(path);
    c->dir = slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : NULL;
    return c->file && (c->dir || !slash);
}

int ls_config_read(struct ls_config *c, const char *path, struct ls_buffer *faults)
{
    struct setting s = { c, faults, path, false };
    if (!remember_file(c, path))
        return -ENOMEM;
    int err = ls_configfile_read(path, set_entry, &s, faults);
    if (err < 0)
        return err;
    return s.failed ? -EINVAL : faults->failed ? -ENOMEM : 0;
}

/* ---- as a whole ---- */

/* Relative paths start from the folder of the file. Done once: they are absolute, or as good. */
static bool resolve(const struct ls_config *c, char **path)
{
    if ((*path)[0] == '/' || !c->dir)
        return true;
    char *joined = malloc(strlen(c->dir) + strlen(*path) + 2);
    if (!joined)
        return false;
    sprintf(joined, "%s/%s", c->dir, *path);
    free(*path);
    *path = joined;
    return true;
}

static void fault(struct setting *s, const char *key, const char *what, const char *about)
{
    s->failed = true;
    ls_buffer_printf(s->faults, "%s: %s: %s%s\n", s->source, key, what, about);
}

static void check_folder(struct setting *s, const char *key, const char *path, bool named)
{
    int fd = named ? ls_folder_open(path) : -ENOENT;
    if (fd >= 0)
        ls_sys_close(fd);
    if (named && fd == -ENOENT)
        fault(s, key, "there is no folder ", path);
    else if (named && fd < 0)
        fault(s, key, fd == -ENOTDIR ? "not a folder: " : "cannot be opened: ", path);
}

static void check_host(struct setting *s)
{
    struct ls_address address;
    char text[LS_ADDRESS_TEXT];
    const char *host = s->c->host;
    snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:0" : "%s:0", host);
    if (ls_address_parse(ls_slice_of(text), &address) < 0)
        fault(s, "host", "expected a numeric address such as \"127.0.0.1\" or \"::1\", found ",
              host);
}

int ls_config_finish(struct ls_config *c, struct ls_buffer *faults)
{
    struct setting s = { c, faults, c->file ? c->file : "configuration", false };
    if (!resolve(c, &c->www) || !resolve(c, &c->scripts) ||
        (strcmp(c->log.file, "-") != 0 && !resolve(c, &c->log.file)))
        return -ENOMEM;
    check_host(&s);
    check_folder(&s, "www", c->www, c->www_named);
    check_folder(&s, "scripts", c->scripts, c->scripts_named);
    return s.failed ? -EINVAL : faults->failed ? -ENOMEM : 0;
}
