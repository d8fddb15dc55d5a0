#include "lua/templates.h"

#include <string.h>

#include "lua/held.h"
#include "os/whole.h"

enum { TEMPLATE_MOST = 16 << 20 }; /* bytes: more is no template */

static void set_text(lua_State *L, const char *folder, const char *name)
{
    const char *path = lua_pushfstring(L, "%s/%s", folder, name);
    struct ls_buffer *text = ls_held_buffer(L);
    int err = ls_whole_read(path, TEMPLATE_MOST, text);
    if (err < 0)
        luaL_error(L, "%s: %s", path, strerror(-err));
    ls_held_push(L, text);
    lua_setfield(L, -4, name);
    lua_pop(L, 2);
}

void ls_templates_push(lua_State *L, const char *folder)
{
    lua_newtable(L);
    if (!folder)
        return;
    struct ls_buffer *names = ls_held_buffer(L);
    int err = ls_whole_names(folder, names);
    if (err < 0)
        luaL_error(L, "%s: %s", folder, strerror(-err));
    ls_held_push(L, names);
    lua_remove(L, -2);
    lua_insert(L, -2);
    const char *all = lua_tostring(L, -2), *end = all + lua_rawlen(L, -2);
    for (; all < end; all += strlen(all) + 1)
        set_text(L, folder, all);
    lua_remove(L, -2);
}
