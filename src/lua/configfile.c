#include "lua/configfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "lua/configenv.h"
#include "os/sys.h"

enum {
    MEMORY = 16 << 20,  /* bytes, of the file and of the Lua state each */
    DEPTH = 8,          /* of tables in tables */
    KEY_SHOWN = 60,     /* bytes of a name that is no identifier */
    MESSAGE_SHOWN = 600 /* bytes of an error message */
};

/* The chunk's name: Lua would cut a long path. The fault line gets the path in its place. */
#define CHUNK "\1"

struct reader {
    const char *path;
    ls_config_entry *entry;
    void *ctx;
    struct ls_slice source;
    struct ls_buffer key; /* of the table being walked, then of its entry */
    size_t used;          /* bytes of the Lua state */
    bool refused;         /* the state asked for more than MEMORY */
};

void ls_configfile_plain(struct ls_buffer *b, struct ls_slice text, size_t most)
{
    size_t len = text.len;
    if (len > most) {
        len = most;
        while (len > 0 && ((unsigned char)text.at[len] & 0xC0) == 0x80)
            len--; /* not in the middle of a UTF-8 character */
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte < 0x20 || byte == 0x7F)
            ls_buffer_printf(b, "\\x%02X", byte);
        else
            ls_buffer_byte(b, (char)byte);
    }
    if (len < text.len)
        ls_buffer_text(b, "...");
}

static void *allocate(void *ctx, void *old, size_t old_size, size_t size)
{
    struct reader *r = ctx;
    size_t others = r->used - (old ? old_size : 0); /* without a block old_size is a type */
    if (size == 0) {
        free(old);
        r->used = others;
        return NULL;
    }
    if (size > MEMORY - others) {
        r->refused = true;
        return NULL;
    }
    void *block = realloc(old, size);
    if (block)
        r->used = others + size;
    return block;
}

/* ---- handing the table over ---- */

static struct ls_config_value value_at(lua_State *L, int index)
{
    struct ls_config_value value = { .type = LS_CONFIG_OTHER };
    value.text = ls_slice_of(luaL_typename(L, index));
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        value.type = LS_CONFIG_BOOLEAN;
        value.boolean = lua_toboolean(L, index);
        break;
    case LUA_TNUMBER:
        value.type = lua_isinteger(L, index) ? LS_CONFIG_INTEGER : LS_CONFIG_NUMBER;
        value.integer = lua_isinteger(L, index) ? lua_tointeger(L, index) : 0;
        value.number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING:
        value.type = LS_CONFIG_STRING;
        value.text.at = lua_tolstring(L, index, &value.text.len);
        break;
    case LUA_TTABLE:
        value.type = LS_CONFIG_TABLE;
        break;
    default:
        break;
    }
    return value;
}

static bool is_name(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TSTRING;
}

static bool is_identifier(struct ls_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.at[i]) && name.at[i] != '_')
            return false;
    return name.len > 0 && name.len <= KEY_SHOWN && !isdigit((unsigned char)name.at[0]);
}

static void append_name(struct ls_buffer *key, struct ls_slice name)
{
    bool plain = is_identifier(name);
    if (plain && key->len > 0)
        ls_buffer_byte(key, '.');
    if (!plain)
        ls_buffer_text(key, "[\"");
    ls_configfile_plain(key, name, KEY_SHOWN);
    if (!plain)
        ls_buffer_text(key, "\"]");
}

static void append_key(lua_State *L, int index, struct ls_buffer *key)
{
    if (is_name(L, index)) {
        size_t len;
        const char *name = lua_tolstring(L, index, &len);
        append_name(key, (struct ls_slice) { name, len });
    } else if (lua_isinteger(L, index)) {
        ls_buffer_printf(key, "[%lld]", (long long)lua_tointeger(L, index));
    } else {
        ls_buffer_printf(key, "%s<%s key>", key->len > 0 ? "." : "", luaL_typename(L, index));
    }
}

static void walk(lua_State *L, struct reader *r, int sort, int depth);

/* The key below the top and the value on top, which is popped. */
static void hand_over(lua_State *L, struct reader *r, int sort, int depth)
{
    size_t outer = r->key.len;
    append_key(L, -2, &r->key);
    size_t len = r->key.len;
    ls_buffer_byte(&r->key, '\0');
    if (r->key.failed)
        luaL_error(L, "not enough memory");
    struct ls_config_value value = value_at(L, -1);
    if (!is_name(L, -2) && !lua_isinteger(L, -2))
        value.type = LS_CONFIG_OTHER;
    bool enter = r->entry(r->ctx, r->key.at, &value);
    r->key.len = len;
    if (enter && value.type == LS_CONFIG_TABLE)
        walk(L, r, sort, depth + 1);
    r->key.len = outer;
    lua_pop(L, 1);
}

static void hand_over_elements(lua_State *L, struct reader *r, int sort, int depth)
{
    int table = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, table);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_pushinteger(L, i);
        lua_rawgeti(L, table, i);
        hand_over(L, r, sort, depth);
        lua_pop(L, 1);
    }
}

/* A Lua table hands its names out in an order that differs from run to run. */
static void push_sorted_names(lua_State *L, int sort)
{
    int table = lua_gettop(L), names = table + 1;
    lua_Integer count = 0;
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (is_name(L, -2)) {
            lua_pushvalue(L, -2);
            lua_rawseti(L, names, ++count);
        }
    }
    lua_pushvalue(L, sort);
    lua_pushvalue(L, names);
    lua_call(L, 1, 0);
}

static void hand_over_names(lua_State *L, struct reader *r, int sort, int depth)
{
    int table = lua_gettop(L), names = table + 1;
    push_sorted_names(L, sort);
    lua_Integer count = (lua_Integer)lua_rawlen(L, names);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, names, i);
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        hand_over(L, r, sort, depth);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Keys that are neither names nor in the array part. */
static void hand_over_others(lua_State *L, struct reader *r, int sort, int depth)
{
    int table = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, table);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        bool element =
            lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= count;
        if (is_name(L, -2) || element)
            lua_pop(L, 1);
        else
            hand_over(L, r, sort, depth);
    }
}

static void walk(lua_State *L, struct reader *r, int sort, int depth)
{
    luaL_checkstack(L, 10, NULL);
    if (depth > DEPTH)
        luaL_error(L, "tables in tables, deeper than %d", DEPTH);
    hand_over_elements(L, r, sort, depth);
    hand_over_names(L, r, sort, depth);
    hand_over_others(L, r, sort, depth);
}

/* Everything that can raise, with the reader as its argument. */
static int run(lua_State *L)
{
    const int sort = 1;
    struct reader *r = lua_touserdata(L, 1);
    ls_configenv_open(L);
    lua_getglobal(L, "table");
    lua_getfield(L, -1, "sort"); /* before the file can put another in its place */
    lua_replace(L, sort);
    if (luaL_loadbufferx(L, r->source.at, r->source.len, "=" CHUNK, "t") != LUA_OK)
        return lua_error(L);
    ls_configenv_push(L);
    lua_setupvalue(L, -2, 1);
    ls_configenv_call(L);
    if (lua_isnil(L, -1))
        return luaL_error(L, "the file returns nothing: it must end with return { ... }");
    if (!lua_istable(L, -1))
        return luaL_error(L, "expected the file to return a table, found a %s",
                          luaL_typename(L, -1));
    walk(L, r, sort, 0);
    return 0;
}

/* ---- the file ---- */

static int read_all(int fd, struct ls_buffer *b)
{
    enum { PART = 65536 };
    for (;;) {
        if (ls_buffer_reserve(b, PART) < 0)
            return -ENOMEM;
        long got = ls_sys_read(fd, b->at + b->len, PART);
        if (got <= 0)
            return (int)got;
        b->len += (size_t)got;
        if (b->len > MEMORY)
            return -EFBIG;
    }
}

static int read_source(const char *path, struct ls_buffer *b)
{
    const struct ls_open_how how = { .flags = O_RDONLY | O_CLOEXEC };
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    if (fd < 0)
        return fd;
    int err = read_all(fd, b);
    ls_sys_close(fd);
    return err;
}

/* Without a byte order mark and a first line for the shell; its line feed stays and counts. */
static struct ls_slice without_first_line(struct ls_slice source)
{
    if (ls_slice_starts(source, LS_SLICE("\xEF\xBB\xBF")))
        source = ls_slice_from(source, 3);
    if (ls_slice_starts(source, LS_SLICE("#")))
        source = ls_slice_from(source, ls_slice_find(source, 0, '\n'));
    return source;
}

/* One line: `message` with the path for the chunk's name, also where that stands within. */
static void report(struct ls_buffer *fault, const char *path, struct ls_slice message)
{
    size_t room = MESSAGE_SHOWN;
    if (!ls_slice_starts(message, LS_SLICE(CHUNK)))
        ls_buffer_printf(fault, "%s: ", path);
    for (;;) {
        size_t end = ls_slice_find(message, 0, CHUNK[0]);
        ls_configfile_plain(fault, (struct ls_slice) { message.at, end }, room);
        if (end >= room || end == message.len)
            break;
        room -= end;
        ls_buffer_text(fault, path);
        message = ls_slice_from(message, end + 1);
    }
    ls_buffer_byte(fault, '\n');
}

static int report_error(lua_State *L, struct reader *r, int status, struct ls_buffer *fault)
{
    if (status == LUA_ERRMEM && !r->refused) {
        report(fault, r->path, LS_SLICE("not enough memory"));
        return -ENOMEM;
    }
    if (status == LUA_ERRMEM) {
        report(fault, r->path, LS_SLICE("the file asks for more than 16 MiB of memory"));
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        report(fault, r->path, (struct ls_slice) { text, len });
    } else {
        ls_buffer_printf(fault, "%s: the file raised an error that is no text but a %s\n", r->path,
                         luaL_typename(L, -1));
    }
    return -EINVAL;
}

static int run_source(struct reader *r, struct ls_buffer *fault)
{
    lua_State *L = lua_newstate(allocate, r);
    if (!L) {
        report(fault, r->path, LS_SLICE("not enough memory"));
        return -ENOMEM;
    }
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, r);
    int status = lua_pcall(L, 1, 0, 0);
    int err = status == LUA_OK ? 0 : report_error(L, r, status, fault);
    lua_close(L);
    return err;
}

int ls_configfile_read_text(const char *name, struct ls_slice text, ls_config_entry *entry,
                            void *ctx, struct ls_buffer *fault)
{
    struct reader r = { .path = name, .entry = entry, .ctx = ctx };
    r.source = without_first_line(text);
    int err = run_source(&r, fault);
    ls_buffer_free(&r.key);
    return err;
}

int ls_configfile_read(const char *path, ls_config_entry *entry, void *ctx, struct ls_buffer *fault)
{
    struct ls_buffer source = { 0 };
    int err = read_source(path, &source);
    if (err == 0)
        err = ls_configfile_read_text(path, (struct ls_slice) { source.at, source.len }, entry, ctx,
                                      fault);
    else
        ls_buffer_printf(fault, "%s: cannot read the file: %s\n", path, strerror(-err));
    ls_buffer_free(&source);
    return err;
}
