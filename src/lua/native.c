#include "lua/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/pattern.h"
#include "lua/answering.h"

/* "GET, POST" as bits; 0: one of them is none. */
static unsigned bits_of(const char *text)
{
    struct ls_slice rest = ls_slice_of(text);
    unsigned bits = 0;
    while (rest.len > 0) {
        size_t len = strcspn(rest.at, ", ");
        enum ls_method method = ls_method_of((struct ls_slice) { rest.at, len });
        if (len > 0 && method >= LS_TRACE)
            return 0;
        bits |= len > 0 ? 1u << method : 0;
        rest = ls_slice_from(rest, len < rest.len ? len + 1 : len);
    }
    return bits;
}

static int check_pattern(const char *text, const char **why)
{
    struct ls_pattern pattern;
    char *store = malloc(strlen(text) + 1);
    int err = store ? ls_pattern_parse(text, store, &pattern, why) : -ENOMEM;
    free(store);
    return err;
}

int ls_natives_add(struct ls_natives *all, const struct ls_native *native, const char *methods,
                   const char *pattern, const char **why)
{
    unsigned bits = bits_of(methods);
    *why = "expected methods such as \"GET\" or \"GET, POST\"";
    int err = bits == 0 ? -EINVAL : check_pattern(pattern, why);
    if (err < 0)
        return err;
    size_t len = strlen(pattern) + 1;
    struct ls_native *added = malloc(sizeof *added + len);
    if (!added)
        return -ENOMEM;
    *added = *native;
    added->next = NULL;
    added->methods = bits;
    memcpy(added->pattern, pattern, len);
    if (!all->end)
        all->end = &all->first;
    *all->end = added;
    all->end = &added->next;
    return 0;
}

void ls_natives_free(struct ls_natives *all)
{
    while (all->first) {
        struct ls_native *gone = all->first;
        all->first = gone->next;
        free(gone);
    }
    all->end = NULL;
}

static void push_methods(lua_State *L, unsigned bits)
{
    lua_Integer count = 0;
    lua_newtable(L);
    for (int method = 0; method < LS_METHODS; method++) {
        if (!(bits >> method & 1))
            continue;
        struct ls_slice name = ls_method_name((enum ls_method)method);
        lua_pushlstring(L, name.at, name.len);
        lua_rawseti(L, -2, ++count);
    }
}

void ls_natives_core(lua_State *L, const struct ls_natives *all)
{
    lua_Integer count = 0;
    lua_newtable(L);
    for (const struct ls_native *n = all ? all->first : NULL; n; n = n->next) {
        lua_newtable(L);
        push_methods(L, n->methods);
        lua_setfield(L, -2, "methods");
        lua_pushstring(L, n->pattern);
        lua_setfield(L, -2, "pattern");
        ls_answering_push(L, n);
        lua_setfield(L, -2, "handler");
        lua_rawseti(L, -2, ++count);
    }
    lua_setfield(L, -2, "natives");
}

void ls_natives_prepare(lua_State *L, const struct ls_natives *all)
{
    int top = lua_gettop(L);
    if (all && all->prepare)
        all->prepare(L, all->user);
    lua_settop(L, top);
}
