#include "server/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/network.h"

enum { SECRET_LEAST = 32 };

static struct ls_texts *field(struct ls_intake *in, const struct ls_key *k)
{
    return (struct ls_texts *)((char *)in->c + k->offset);
}

const struct ls_key *ls_texts_key(struct ls_slice key)
{
    key.len = ls_slice_find(key, 0, '[');
    const struct ls_key *k = ls_schema_find(key);
    return k && k->kind == LS_KEY_TEXTS ? k : NULL;
}

void ls_texts_free(struct ls_texts *t)
{
    for (uint64_t i = 0; i < t->count; i++)
        free(t->all[i]);
    *t = (struct ls_texts) { .count = 0 };
}

void ls_texts_expected(struct ls_buffer *b, const struct ls_key *key)
{
    ls_buffer_printf(b, "%s, or a list of up to %d of them",
                     strcmp(key->name, "secret") == 0
                         ? "a text of 32 bytes or more"
                         : "an address or a network such as \"10.0.0.0/8\", or \"unix\"",
                     LS_CONFIG_TEXTS);
}

static bool is_sound(const struct ls_key *k, const struct ls_config_value *v)
{
    struct ls_network network;
    if (!ls_intake_is_text(v))
        return false;
    if (strcmp(k->name, "secret") == 0)
        return v->text.len >= SECRET_LEAST;
    return ls_network_parse(v->text, &network) == 0;
}

/* What was meant to be secret is not shown. */
static void refuse(struct ls_intake *in, const struct ls_key *k, const char *key,
                   const struct ls_config_value *v)
{
    if (strcmp(k->name, "secret") != 0 || !ls_intake_is_text(v))
        ls_intake_wrong(in, key, k, NULL, v);
    else
        ls_intake_fault(in, key, "expected a text of 32 bytes or more, found a shorter one");
}

static void add(struct ls_intake *in, const struct ls_key *k, const char *key,
                const struct ls_config_value *v)
{
    struct ls_texts *t = field(in, k);
    if (!is_sound(k, v)) {
        refuse(in, k, key, v);
    } else if (t->count == LS_CONFIG_TEXTS) {
        ls_intake_fault(in, k->name, "expected at most 16, found more");
    } else {
        t->all[t->count] = strndup(v->text.at, v->text.len);
        if (t->all[t->count])
            t->count++;
        else
            in->err = -ENOMEM;
    }
}

_Static_assert(LS_CONFIG_TEXTS == 16, "a message in add says 16");

bool ls_texts_take(struct ls_intake *in, const char *key, const struct ls_config_value *v)
{
    const struct ls_key *k = ls_texts_key(ls_slice_of(key));
    bool element = strchr(key, '[') != NULL;
    if (!element) {
        ls_texts_free(field(in, k));
        ls_intake_mark(in, k);
    }
    if (!element && v->type == LS_CONFIG_TABLE)
        return true;
    add(in, k, key, v);
    return false;
}

struct ls_slice ls_texts_word(struct ls_slice *rest)
{
    size_t comma = ls_slice_find(*rest, 0, ','), end = ls_slice_find(*rest, 0, ' ');
    if (comma < end)
        end = comma;
    struct ls_slice word = { rest->at, end };
    *rest = ls_slice_from(*rest, end < rest->len ? end + 1 : end);
    return word;
}

void ls_texts_set(struct ls_intake *in, const struct ls_key *k, struct ls_slice text)
{
    struct ls_texts before = *field(in, k);
    *field(in, k) = (struct ls_texts) { .count = 0 };
    while (text.len > 0) {
        struct ls_config_value v = { .type = LS_CONFIG_STRING, .text = ls_texts_word(&text) };
        if (v.text.len > 0)
            add(in, k, k->name, &v);
    }
    if (in->fault_count > 0 || in->err < 0) {
        ls_texts_free(field(in, k));
        *field(in, k) = before;
        return;
    }
    ls_texts_free(&before);
    ls_intake_mark(in, k);
}
