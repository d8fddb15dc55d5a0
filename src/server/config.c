#include "server/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/folder.h"
#include "os/net.h"
#include "os/sys.h"
#include "server/intake.h"
#include "server/mimes.h"
#include "server/texts.h"

/* ---- listen ---- */

static void clear_listeners(struct ls_config *c)
{
    for (size_t i = 0; i < c->listen_count; i++)
        free(c->listen[i]);
    c->listen_count = 0;
}

/* A copy of the element; NULL when it is none, which has been said. */
static char *check_listener(struct ls_intake *in, const char *key, const struct ls_config_value *v)
{
    struct ls_address address;
    char *text = ls_intake_is_text(v) ? ls_intake_listener(in, v->text) : NULL;
    int err = text ? ls_address_parse(ls_slice_of(text), &address) : -EINVAL;
    if (err == 0 || in->err < 0)
        return text;
    ls_intake_wrong(in, key, NULL,
                    err == -ENAMETOOLONG ? "a path of at most 107 bytes"
                                         : "an address such as \"0.0.0.0:80\", \"[::]:80\" or "
                                           "\"unix:/run/luaserve.sock\"",
                    v);
    free(text);
    return NULL;
}

static void take_listener(struct ls_intake *in, const char *key, const struct ls_config_value *v)
{
    char expected[32];
    snprintf(expected, sizeof expected, "listen[%zu]", ++in->listeners);
    if (strcmp(key, expected) != 0) {
        ls_intake_unknown(in, key);
    } else if (in->listeners > LS_CONFIG_LISTENERS) {
        if (in->listeners == LS_CONFIG_LISTENERS + 1)
            ls_intake_fault(in, "listen", "expected at most 16 addresses, found more");
    } else {
        char *text = check_listener(in, key, v);
        if (text)
            in->c->listen[in->c->listen_count++] = text;
    }
}

_Static_assert(LS_CONFIG_LISTENERS == 16, "a message in take_listener says 16");

static bool begin_list(struct ls_intake *in, const struct ls_key *k,
                       const struct ls_config_value *v)
{
    if (v->type != LS_CONFIG_TABLE) {
        ls_intake_wrong(in, k->name, k, NULL, v);
        return false;
    }
    clear_listeners(in->c);
    in->listeners = 0;
    ls_intake_mark(in, k);
    return true;
}

static bool begin_map(struct ls_intake *in, const struct ls_key *k, const struct ls_config_value *v)
{
    if (v->type == LS_CONFIG_TABLE)
        ls_intake_mark(in, k);
    else
        ls_intake_wrong(in, k->name, k, NULL, v);
    return v->type == LS_CONFIG_TABLE;
}

static enum ls_origin origin_of(const struct ls_config *c, const char *name)
{
    size_t count;
    return c->origin[ls_schema_find(ls_slice_of(name)) - ls_schema(&count)];
}

static bool host_or_port_set(const struct ls_config *c)
{
    return origin_of(c, "host") != LS_BY_DEFAULT || origin_of(c, "port") != LS_BY_DEFAULT;
}

static void fault_both(struct ls_intake *in, const char *key)
{
    ls_intake_fault(in, key,
                    "listen stands instead of host and port: expected one of the two, "
                    "found both");
}

/* ---- the file ---- */

static bool take(void *ctx, const char *key, const struct ls_config_value *v)
{
    struct ls_intake *in = ctx;
    struct ls_slice name = ls_slice_of(key);
    const struct ls_key *k = ls_schema_find(name);
    if (ls_slice_starts(name, LS_SLICE("listen["))) {
        take_listener(in, key, v);
    } else if (ls_mimes_is_key(name)) {
        ls_mimes_take(in, key, v);
    } else if (ls_texts_key(name)) {
        return ls_texts_take(in, key, v);
    } else if (k && k->kind == LS_KEY_LIST) {
        return begin_list(in, k, v);
    } else if (k && k->kind == LS_KEY_MAP) {
        return begin_map(in, k, v);
    } else if (k && ls_intake_store(in, k, v)) {
        ls_intake_mark(in, k);
    } else if (k) {
        ls_intake_wrong(in, key, k, NULL, v);
    } else if (!ls_schema_is_table(name)) {
        ls_intake_unknown(in, key);
    } else if (v->type == LS_CONFIG_TABLE) {
        return true;
    } else {
        ls_intake_wrong(in, key, NULL, "a table", v);
    }
    return false;
}

/* `dir` NULL: the working directory. */
static int keep_paths(struct ls_config *c, const char *path, struct ls_slice dir)
{
    char *file = strdup(path), *folder = dir.at ? strndup(dir.at, dir.len) : NULL;
    if (!file || (dir.at && !folder)) {
        free(file);
        free(folder);
        return -ENOMEM;
    }
    free(c->file);
    free(c->dir);
    c->file = file;
    c->dir = folder;
    return 0;
}

static struct ls_slice folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return (struct ls_slice) { NULL, 0 };
    return (struct ls_slice) { path, slash == path ? 1 : (size_t)(slash - path) };
}

/* From now on default paths start from the file's folder. */
static void move_default_paths(struct ls_intake *in)
{
    size_t count;
    const struct ls_key *keys = ls_schema(&count);
    for (size_t i = 0; i < count; i++) {
        struct ls_slice text = ls_slice_of(keys[i].fallback);
        if (keys[i].kind == LS_KEY_PATH && in->c->origin[i] == LS_BY_DEFAULT)
            ls_intake_store(in, &keys[i],
                            &(struct ls_config_value) { .type = LS_CONFIG_STRING, .text = text });
    }
}

/* The file c->file, or that text. */
static int read_all(struct ls_config *c, const char *text, struct ls_buffer *faults)
{
    struct ls_intake in = { c, LS_BY_FILE, c->file, c->dir, faults, 0, 0, 0 };
    int err = text ? ls_configfile_read_text(c->file, ls_slice_of(text), take, &in, faults)
                   : ls_configfile_read(c->file, take, &in, faults);
    if (err == 0 && origin_of(c, "listen") != LS_BY_DEFAULT && in.listeners == 0 &&
        c->listen_count == 0)
        ls_intake_fault(&in, "listen", "expected at least one address, found an empty list");
    if (err == 0 && origin_of(c, "listen") != LS_BY_DEFAULT && host_or_port_set(c))
        fault_both(&in, "listen");
    ls_intake_end(&in);
    move_default_paths(&in);
    if (in.err < 0 || faults->failed)
        return -ENOMEM;
    return err == 0 && in.fault_count > 0 ? -EINVAL : err;
}

int ls_config_read(struct ls_config *c, const char *path, struct ls_buffer *faults)
{
    int err = keep_paths(c, path, folder_of(path));
    return err < 0 ? err : read_all(c, NULL, faults);
}

int ls_config_read_text(struct ls_config *c, const struct ls_config_text *text,
                        struct ls_buffer *faults)
{
    int err = keep_paths(c, text->name, ls_slice_of(text->dir));
    return err < 0 ? err : read_all(c, text->text, faults);
}

/* ---- one key ---- */

/* Text without quotes, as the value that it would be in the file. */
static struct ls_config_value value_of(const struct ls_key *k, struct ls_slice text)
{
    struct ls_config_value v = { .type = LS_CONFIG_STRING, .text = text };
    uint64_t number;
    bool yes = ls_slice_equal(text, LS_SLICE("true"));
    bool could_be = k->kind == LS_KEY_BOOLEAN || (k->kind == LS_KEY_PLACE && !yes);
    if (could_be && (yes || ls_slice_equal(text, LS_SLICE("false")))) {
        v.type = LS_CONFIG_BOOLEAN;
        v.boolean = yes;
    } else if (k->kind == LS_KEY_INTEGER && ls_slice_to_u64(text, &number) == 0 &&
               number <= INT64_MAX) {
        v.type = LS_CONFIG_INTEGER;
        v.integer = (int64_t)number;
    }
    return v;
}

static void set_listen(struct ls_intake *in, const struct ls_key *k, struct ls_slice text)
{
    struct ls_config fresh = { .listen_count = 0 };
    struct ls_intake scratch = *in;
    char key[32];
    scratch.c = &fresh;
    while (text.len > 0) {
        struct ls_config_value v = { .type = LS_CONFIG_STRING, .text = ls_texts_word(&text) };
        snprintf(key, sizeof key, "listen[%zu]", scratch.listeners + 1);
        if (v.text.len > 0)
            take_listener(&scratch, key, &v);
    }
    in->fault_count = scratch.fault_count;
    in->err = scratch.err;
    if (scratch.listeners == 0)
        ls_intake_fault(in, k->name, "expected at least one address, found an empty list");
    if (in->fault_count > 0 || in->err < 0) {
        clear_listeners(&fresh);
        return;
    }
    clear_listeners(in->c);
    memcpy(in->c->listen, fresh.listen, sizeof fresh.listen);
    in->c->listen_count = fresh.listen_count;
    ls_intake_mark(in, k);
}

static void set(struct ls_intake *in, const struct ls_key *k, struct ls_slice text)
{
    bool listens = k->kind == LS_KEY_LIST;
    bool names_one = strcmp(k->name, "host") == 0 || strcmp(k->name, "port") == 0;
    struct ls_config_value v = value_of(k, text);
    if (in->origin != LS_BY_DEFAULT &&
        ((listens && host_or_port_set(in->c)) || (names_one && in->c->listen_count > 0)))
        fault_both(in, k->name);
    else if (listens)
        set_listen(in, k, text);
    else if (k->kind == LS_KEY_TEXTS)
        ls_texts_set(in, k, text);
    else if (ls_intake_store(in, k, &v))
        ls_intake_mark(in, k);
    else
        ls_intake_wrong(in, k->name, k, NULL, &v);
}

int ls_config_set(struct ls_config *c, const char *key, const char *value, struct ls_buffer *faults)
{
    struct ls_intake in = { c, LS_BY_CALL, NULL, NULL, faults, 0, 0, 0 };
    const struct ls_key *k = ls_schema_find(ls_slice_of(key));
    struct ls_config_value text = { .type = LS_CONFIG_STRING, .text = ls_slice_of(value) };
    if (ls_mimes_is_key(ls_slice_of(key)))
        ls_mimes_take(&in, key, &text);
    else if (k && k->kind != LS_KEY_MAP)
        set(&in, k, ls_slice_of(value));
    else if (k || ls_schema_is_table(ls_slice_of(key)))
        ls_intake_fault(&in, key, "this is a table: set one of its keys");
    else
        ls_intake_unknown(&in, key);
    ls_intake_end(&in);
    if (in.err < 0 || faults->failed)
        return -ENOMEM;
    return in.fault_count > 0 ? -EINVAL : 0;
}

/* ---- the whole ---- */

int ls_config_init(struct ls_config *c)
{
    size_t count;
    const struct ls_key *keys = ls_schema(&count);
    struct ls_buffer faults = { 0 };
    struct ls_intake in = { c, LS_BY_DEFAULT, NULL, NULL, &faults, 0, 0, 0 };
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < count && in.err == 0; i++)
        if (keys[i].kind != LS_KEY_LIST && keys[i].kind != LS_KEY_MAP)
            set(&in, &keys[i], ls_slice_of(keys[i].fallback));
    ls_buffer_free(&faults);
    if (in.err < 0)
        ls_config_free(c);
    return in.err;
}

void ls_config_free(struct ls_config *c)
{
    free(c->file);
    free(c->dir);
    free(c->host);
    free(c->www);
    free(c->scripts);
    free(c->views);
    free(c->session.cookie);
    free(c->index);
    free(c->user);
    free(c->group);
    free(c->pidfile);
    free(c->log.file);
    free(c->log.access_file);
    free(c->status);
    free(c->metrics);
    clear_listeners(c);
    ls_mimes_free(c);
    ls_texts_free(&c->secret);
    ls_texts_free(&c->trusted_proxies);
    ls_texts_free(&c->observers);
    memset(c, 0, sizeof *c);
}

static void check_folder(struct ls_intake *in, const char *key, bool named, const char *path)
{
    int fd = named ? ls_folder_open(path) : -ENOENT;
    if (fd >= 0)
        ls_sys_close(fd);
    if (fd >= 0 || !named)
        return;
    in->file = origin_of(in->c, key) == LS_BY_FILE ? in->c->file : NULL;
    if (ls_intake_begin(in, key))
        ls_buffer_printf(in->faults, "expected a folder, found none at \"%s\": %s\n", path,
                         strerror(-fd));
}

int ls_config_finish(struct ls_config *c, struct ls_buffer *faults)
{
    struct ls_intake in = { c, LS_BY_CALL, NULL, NULL, faults, 0, 0, 0 };
    check_folder(&in, "www", c->www_named, c->www);
    check_folder(&in, "scripts", c->scripts_named, c->scripts);
    check_folder(&in, "views", c->views_named, c->views);
    if (faults->failed)
        return -ENOMEM;
    return in.fault_count > 0 ? -EINVAL : 0;
}
