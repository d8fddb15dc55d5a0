#include "lua/result.h"

#include <stdio.h>
#include <string.h>

#include "exchange/dispatch.h"
#include "exchange/disposition.h"
#include "exchange/live.h"
#include "exchange/representation.h"
#include "http/chars.h"
#include "lua/app.h"
#include "lua/conn.h"
#include "lua/held.h"
#include "lua/json.h"
#include "lua/reply.h"
#include "lua/request.h"

/* What may stand in a table that a handler returns. */
enum key { STATUS, HEADERS, COOKIES, DOWNLOAD, REDIRECT, BODY, TEXT, HTML, JSON, FILE_PATH, KEYS };

static const struct {
    const char *name, *type; /* media type that goes with it */
} keys[KEYS] = {
    [STATUS] = { "status", NULL },
    [HEADERS] = { "headers", NULL },
    [COOKIES] = { "cookies", NULL },
    [DOWNLOAD] = { "download", NULL },
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
                       "status, headers, cookies, download, body, text, html, json, file, "
                       "redirect)",
                       name);
        if (k >= REDIRECT && found != KEYS)
            luaL_error(L, "returned a table with both %s and %s", keys[found].name, keys[k].name);
        if (k >= REDIRECT)
            found = k;
    }
    return found;
}

static int table_status(lua_State *L, struct ls_engine *e, int table, enum key content)
{
    int is_integer, set = ls_reply_status(e->handler);
    if (lua_getfield(L, table, keys[STATUS].name) == LUA_TNIL) {
        lua_pop(L, 1);
        if (content == REDIRECT)
            return set >= 300 && set <= 399 ? set : 302;
        return set ? set : 200;
    }
    lua_Integer status = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || status < 200 || status > 599)
        luaL_error(L, "returned the status %s, not an integer from 200 to 599",
                   luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return (int)status;
}

/* A page without content of the handler's own: of an error the error handlers may give it. */
static int page(lua_State *L, struct ls_engine *e, int status)
{
    const struct ls_problem *p = &((struct ls_call *)e->handler)->problem;
    struct ls_slice message = { p->message.at, p->message.len };
    if (status >= 400 && p->status == 0 && ls_lua_of(L)->provided[LS_PROVIDED_RECOVER] != LUA_NOREF)
        return status;
    const char *detail = message.len > 0 ? lua_pushlstring(L, message.at, message.len) : NULL;
    if (p->status > 0 && p->detail.len > 0)
        ls_answer_incident(e, status, detail);
    else
        ls_answer_page(e, status, detail);
    return 0;
}

/* ---- headers ---- */

static bool take_field(lua_State *L, int table, enum key key, int wanted)
{
    int type = lua_getfield(L, table, keys[key].name);
    if (type != LUA_TNIL && type != wanted)
        luaL_error(L, "returned %s that are a %s, not a %s", keys[key].name, luaL_typename(L, -1),
                   lua_typename(L, wanted));
    if (type == LUA_TNIL)
        lua_pop(L, 1);
    return type != LUA_TNIL;
}

static void table_cookies(lua_State *L, struct ls_engine *e, int table)
{
    if (!take_field(L, table, COOKIES, LUA_TTABLE))
        return;
    ls_lua_provided(L, LS_PROVIDED_COOKIES);
    ls_request_push(L, e);
    lua_remove(L, -2); /* req */
    lua_pushvalue(L, -3);
    lua_call(L, 2, 0);
    lua_pop(L, 1);
}

/* The headers of the table go before those of res that have the same names. */
static void table_headers(lua_State *L, struct ls_engine *e, int table)
{
    bool there = take_field(L, table, HEADERS, LUA_TTABLE);
    bool merged = there && ls_reply_merge(L, e->handler, false);
    ls_reply_apply_headers(L, e->handler);
    if (there && !merged)
        ls_reply_fields(L, e);
    lua_pop(L, there);
}

/* The name under which a browser saves it; true: its own. */
static void table_download(lua_State *L, struct ls_engine *e, int table, enum key content)
{
    size_t len;
    int type = lua_getfield(L, table, keys[DOWNLOAD].name);
    if (type == LUA_TBOOLEAN && lua_toboolean(L, -1) && content == FILE_PATH) {
        lua_getfield(L, table, keys[FILE_PATH].name);
        const char *path = lua_tostring(L, -1), *last = path ? strrchr(path, '/') : NULL;
        lua_pushstring(L, last ? last + 1 : path);
        lua_replace(L, -3);
        lua_pop(L, 1);
    } else if (type != LUA_TNIL && type != LUA_TSTRING && lua_toboolean(L, -1)) {
        luaL_error(L, "returned download that is a %s, not the name of a file",
                   luaL_typename(L, -1));
    }
    const char *name = lua_tolstring(L, -1, &len);
    if (name) {
        struct ls_buffer *text = ls_held_buffer(L);
        ls_disposition_attachment((struct ls_slice) { name, len }, text);
        ls_held_push(L, text);
        ls_reply_field(L, e, "Content-Disposition", 19, -1);
        lua_pop(L, 2);
    }
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

static int answer_file(lua_State *L, struct ls_engine *e, int status)
{
    const struct ls_asker asker = { &e->head, e->in.at };
    struct ls_file file;
    const char *path = lua_tostring(L, -1);
    int err = ls_file_open(&e->site->www, path, &asker, &file);
    if (err == -404)
        return page(L, e, 404);
    if (err < 0)
        luaL_error(L, "returned the file \"%s\", which cannot be served: %s", path,
                   err == -301   ? "it is a folder"
                   : err == -403 ? "no permission"
                                 : "it cannot be opened");
    ls_representation_answer(e, status, &file);
    return 0;
}

static int answer_table(lua_State *L, struct ls_engine *e, int table)
{
    enum key content = content_key(L, table);
    int status = table_status(L, e, table, content);
    table_cookies(L, e, table);
    table_headers(L, e, table);
    table_download(L, e, table, content);
    if (content == KEYS) {
        int wanted = page(L, e, status);
        if (wanted > 0 && take_field(L, table, HEADERS, LUA_TTABLE))
            ls_reply_merge(L, e->handler, true);
        return wanted;
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
        return 0;
    case FILE_PATH:
        return answer_file(L, e, status);
    case JSON:
        ls_json_encode(L, lua_gettop(L));
        break;
    default:
        break;
    }
    answer(L, e, status, lua_gettop(L));
    return 0;
}

/* ---- anything ---- */

static void no_answer(lua_State *L, const char *what)
{
    luaL_error(L, "returned %s, which is no answer (forgot a return?)", what);
}

static int answer_integer(lua_State *L, struct ls_engine *e, int index)
{
    int is_integer;
    lua_Integer status = lua_tointegerx(L, index, &is_integer);
    if (!is_integer || status < 200 || status > 599)
        no_answer(L, lua_tostring(L, index));
    return page(L, e, (int)status);
}

static int answer_nothing(lua_State *L, struct ls_engine *e)
{
    if (!ls_reply_used(e->handler))
        no_answer(L, "nil");
    return page(L, e, status_or(e, 200));
}

static bool is_marker(lua_State *L, int index, const void *key)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, key);
    bool same = lua_rawequal(L, -1, index);
    lua_pop(L, 1);
    return same;
}

static void end_stream(lua_State *L, struct ls_engine *e, int first)
{
    if (!lua_isnoneornil(L, first))
        luaL_error(L, "returned a %s, although it had written its response",
                   luaL_typename(L, first));
    struct ls_call *call = e->handler;
    if (e->live == LS_LIVE_UPGRADED)
        ls_live_end(e, call->conn->wire.eof);
    else if (ls_answer_end(e) < 0)
        luaL_error(L, "not enough memory");
}

static int answer_value(lua_State *L, struct ls_engine *e, int first)
{
    switch (lua_type(L, first)) {
    case LUA_TSTRING:
        set_type(e, keys[HTML].type);
        answer(L, e, status_or(e, 200), first);
        return 0;
    case LUA_TNUMBER:
        return answer_integer(L, e, first);
    case LUA_TNONE:
    case LUA_TNIL:
        return answer_nothing(L, e);
    default:
        no_answer(L, lua_pushfstring(L, "a %s", luaL_typename(L, first)));
        return 0;
    }
}

int ls_result_answer(lua_State *L, struct ls_engine *e, int first)
{
    if (ls_answer_begun(e)) {
        end_stream(L, e, first);
        return 0;
    }
    luaL_checkstack(L, 20, NULL);
    if (lua_isnoneornil(L, first) && ls_reply_pending(L, e->handler)) {
        first = lua_gettop(L);
    }
    bool table = lua_istable(L, first);
    bool next = table && is_marker(L, first, &ls_app_next);
    bool files = table && !next && is_marker(L, first, &ls_app_files);
    if (table && !next && !files)
        return answer_table(L, e, first);
    ls_reply_apply_headers(L, e->handler);
    if (next || (files && !ls_dispatch_files(e)))
        return LS_RESULT_NEXT;
    return files ? 0 : answer_value(L, e, first);
}
