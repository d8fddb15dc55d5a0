#include "lua/result.h"

#include <stdio.h>
#include <string.h>

#include "exchange/representation.h"
#include "http/chars.h"
#include "lua/app.h"
#include "lua/json.h"
#include "lua/reply.h"

/* What may stand in a table that a handler returns. */
enum key { STATUS, HEADERS, REDIRECT, BODY, TEXT, HTML, JSON, FILE_PATH, KEYS };

static const struct {
    const char *name, *type; /* media type that goes with it */
} keys[KEYS] = {
    [STATUS] = { "status", NULL },
    [HEADERS] = { "headers", NULL },
    [REDIRECT] = { "redirect", NULL },
    [BODY] = { "body", "application/octet-stream" },
    [TEXT] = { "text", "text/plain; charset=utf-8" },
    [HTML] = { "html", "text/html; charset=utf-8" },
    [JSON] = { "json", "application/json" },
    [FILE_PATH] = { "file", NULL },
};

static void set_type(struct ls_engine *e, const char *type)
{
    if (e->response.type.len == 0)
        ls_response_field(&e->response, LS_SLICE("Content-Type"), ls_slice_of(type));
}

static void answer(lua_State *L, struct ls_engine *e, int status, int content)
{
    size_t len = 0;
    const char *text = content ? lua_tolstring(L, content, &len) : "";
    if (ls_answer(e, status, (struct ls_slice) { text, len }) < 0)
        luaL_error(L, "not enough memory");
}

static int status_or(struct ls_engine *e, int status)
{
    int set = ls_reply_status(e->handler);
    return set ? set : status;
}

/* ---- a table ---- */

/* Which of the keys that carry content is there; KEYS: none. Raises at unknown keys. */
static enum key content_key(lua_State *L, int table)
{
    enum key found = KEYS;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        enum key k = 0;
        lua_pop(L, 1);
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        if (!name)
            luaL_error(L, "returned a table with a key that is no string: for a "
                          "list, return { json = list }");
        while (k < KEYS && strcmp(keys[k].name, name) != 0)
            k++;
        if (k == KEYS)
            luaL_error(L,
                       "returned a table with the unknown key \"%s\" (known: "
                       "status, headers, body, text, html, json, file, redirect)",
                       name);
        if (k >= REDIRECT && found != KEYS)
            luaL_error(L, "returned a table with both %s and %s", keys[found].name, keys[k].name);
        if (k >= REDIRECT)
            found = k;
    }
    return found;
}

static int table_status(lua_State *L, struct ls_engine *e, int table, int usual)
{
    int is_integer;
    if (lua_getfield(L, table, keys[STATUS].name) == LUA_TNIL) {
        lua_pop(L, 1);
        return status_or(e, usual);
    }
    lua_Integer status = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || status < 200 || status > 599)
        luaL_error(L, "returned the status %s, not an integer from 200 to 599",
                   luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return (int)status;
}

static void table_headers(lua_State *L, struct ls_engine *e, int table)
{
    int type = lua_getfield(L, table, keys[HEADERS].name);
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "returned headers that are a %s, not a table", luaL_typename(L, -1));
    if (type == LUA_TTABLE)
        ls_reply_fields(L, e);
    lua_pop(L, 1);
}

/* The text at the top of the stack as a URI reference: what a browser would send raw, or what is not
 * ASCII, becomes %XX. A control byte stays, and is refused as in every field. */
static void push_reference(lua_State *L)
{
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        char escaped[4];
        if (ls_char_target(byte) || byte == '#' || byte < ' ' || byte == 0x7f)
            luaL_addchar(&b, text[i]);
        else
            luaL_addlstring(&b, escaped, (size_t)snprintf(escaped, sizeof escaped, "%%%02X", byte));
    }
    luaL_pushresult(&b);
}

static void answer_redirect(lua_State *L, struct ls_engine *e, int status)
{
    if (status < 300 || status > 399)
        luaL_error(L, "a redirect with the status %d", status);
    push_reference(L);
    ls_reply_field(L, e, "Location", 8, -1);
    lua_pop(L, 1);
    ls_answer_page(e, status, NULL);
}

static void answer_file(lua_State *L, struct ls_engine *e, int status)
{
    const struct ls_asker asker = { &e->head, e->in.at };
    struct ls_file file;
    const char *path = lua_tostring(L, -1);
    int err = ls_file_open(&e->site->www, path, &asker, &file);
    if (err == -404)
        ls_answer_page(e, 404, NULL);
    else if (err < 0)
        luaL_error(L, "returned the file \"%s\", which cannot be served: %s", path,
                   err == -301   ? "it is a folder"
                   : err == -403 ? "no permission"
                                 : "it cannot be opened");
    else
        ls_representation_answer(e, status, &file);
}

static void answer_table(lua_State *L, struct ls_engine *e, int table)
{
    enum key content = content_key(L, table);
    int status = table_status(L, e, table, content == REDIRECT ? 302 : 200);
    table_headers(L, e, table);
    if (content == KEYS) {
        ls_answer_page(e, status, NULL);
        return;
    }
    lua_getfield(L, table, keys[content].name);
    if (content != JSON && lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "returned %s that is a %s, not a string", keys[content].name,
                   luaL_typename(L, -1));
    if (keys[content].type)
        set_type(e, keys[content].type);
    switch (content) {
    case REDIRECT:
        answer_redirect(L, e, status);
        break;
    case FILE_PATH:
        answer_file(L, e, status);
        break;
    case JSON:
        ls_json_encode(L, lua_gettop(L));
        answer(L, e, status, lua_gettop(L));
        break;
    default:
        answer(L, e, status, lua_gettop(L));
        break;
    }
}

/* ---- anything ---- */

static void no_answer(lua_State *L, const char *what)
{
    luaL_error(L, "returned %s, which is no answer (forgot a return?)", what);
}

static void answer_integer(lua_State *L, struct ls_engine *e, int index)
{
    int is_integer;
    lua_Integer status = lua_tointegerx(L, index, &is_integer);
    if (!is_integer || status < 200 || status > 599)
        no_answer(L, lua_tostring(L, index));
    ls_answer_page(e, (int)status, NULL);
}

static void answer_nothing(lua_State *L, struct ls_engine *e)
{
    if (!ls_reply_used(e->handler))
        no_answer(L, "nil");
    ls_answer_page(e, status_or(e, 200), NULL);
}

static bool is_next(lua_State *L, int index)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ls_app_next);
    bool same = lua_rawequal(L, -1, index);
    lua_pop(L, 1);
    return same;
}

static void end_stream(lua_State *L, struct ls_engine *e, int first)
{
    if (!lua_isnoneornil(L, first))
        luaL_error(L, "returned a %s, although it had written its response",
                   luaL_typename(L, first));
    if (ls_answer_end(e) < 0)
        luaL_error(L, "not enough memory");
}

bool ls_result_answer(lua_State *L, struct ls_engine *e, int first)
{
    int type = lua_type(L, first);
    if (ls_answer_begun(e)) {
        end_stream(L, e, first);
        return false;
    }
    if (type == LUA_TTABLE && is_next(L, first))
        return true;
    luaL_checkstack(L, 20, NULL);
    ls_reply_apply_headers(L, e->handler);
    switch (type) {
    case LUA_TSTRING:
        set_type(e, keys[HTML].type);
        answer(L, e, status_or(e, 200), first);
        break;
    case LUA_TNUMBER:
        answer_integer(L, e, first);
        break;
    case LUA_TTABLE:
        answer_table(L, e, first);
        break;
    case LUA_TNONE:
    case LUA_TNIL:
        answer_nothing(L, e);
        break;
    default:
        no_answer(L, lua_pushfstring(L, "a %s", luaL_typename(L, first)));
    }
    return false;
}
