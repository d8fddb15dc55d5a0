#include "lua/scripts.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "lua/held.h"
#include "os/folder.h"
#include "os/sys.h"
#include "os/whole.h"

enum { SCRIPT_MOST = 64 << 20 }; /* bytes */

static bool is_script(const char *name)
{
    struct ls_slice text = ls_slice_of(name);
    return text.at[0] != '.' && ls_slice_ends(text, LS_SLICE(".lua"));
}

/* Names gather in a buffer, each with its NUL: nothing here can raise. */
static bool gather(void *ctx, const char *name, int type)
{
    if (type != DT_DIR && is_script(name))
        ls_buffer_append(ctx, name, strlen(name) + 1);
    return true;
}

static int names_of(const char *folder, struct ls_buffer *names)
{
    int dir = ls_folder_open(folder);
    if (dir < 0)
        return dir;
    int err = ls_folder_each(dir, gather, names);
    ls_sys_close(dir);
    return err;
}

/* Leaves a sorted list of the names on the stack. */
static void push_names(lua_State *L, const char *folder)
{
    struct ls_buffer *names = ls_held_buffer(L);
    int err = names_of(folder, names);
    if (err < 0)
        luaL_error(L, "%s: %s", folder, strerror(-err));
    ls_held_push(L, names);
    lua_remove(L, -2);
    const char *all = lua_tostring(L, -1), *end = all + lua_rawlen(L, -1);
    lua_newtable(L);
    for (lua_Integer i = 1; all < end; all += strlen(all) + 1, i++) {
        lua_pushstring(L, all);
        lua_rawseti(L, -2, i);
    }
    lua_remove(L, -2);
    lua_getglobal(L, "table");
    lua_getfield(L, -1, "sort");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 0);
    lua_pop(L, 1);
}

static void set_path(lua_State *L, const char *folder)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/lib/?.lua;%s/lib/?/init.lua;%s", folder, folder, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 2);
}

/* As Lua's own loader: without a byte order mark, and the first line, if it says which program runs it, is empty. */
static struct ls_slice code_of(const struct ls_buffer *text)
{
    struct ls_slice code = { text->at, text->len };
    if (ls_slice_starts(code, LS_SLICE("\xEF\xBB\xBF")))
        code = ls_slice_from(code, 3);
    if (!ls_slice_starts(code, LS_SLICE("#")))
        return code;
    const char *end = memchr(code.at, '\n', code.len);
    return ls_slice_from(code, end ? (size_t)(end - code.at) : code.len);
}

/* "scripts/hello.lua" is how messages name a script, wherever the folder lies. */
static void load_script(lua_State *L, const char *folder, const char *name)
{
    const char *last = strrchr(folder, '/');
    const char *path = lua_pushfstring(L, "%s/%s", folder, name);
    const char *shown = lua_pushfstring(L, "@%s/%s", last && last[1] ? last + 1 : folder, name);
    struct ls_buffer *text = ls_held_buffer(L);
    int err = ls_whole_read(path, SCRIPT_MOST, text);
    if (err < 0)
        luaL_error(L, "%s: %s", path, strerror(-err));
    struct ls_slice code = code_of(text);
    if (luaL_loadbufferx(L, code.at, code.len, shown, "t") != LUA_OK)
        lua_error(L);
}

void ls_scripts_run(lua_State *L, const char *folder)
{
    int top = lua_gettop(L);
    luaL_checkstack(L, 20, NULL);
    set_path(L, folder);
    push_names(L, folder);
    int list = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, list);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, list, i);
        load_script(L, folder, lua_tostring(L, -1));
        lua_call(L, 0, 0);
        lua_settop(L, list);
    }
    lua_settop(L, top);
}
