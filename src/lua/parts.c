#include "lua/parts.h"

#include <errno.h>
#include <fcntl.h>

#include "exchange/reading.h"
#include "http/multipart.h"
#include "lua/content.h"
#include "lua/request.h"
#include "lua/view.h"
#include "os/sys.h"

#define PARTS "luaserve parts"

struct parts {
    struct ls_multipart multipart;
    enum ls_multipart_event event; /* the last one that was not MORE … */
    struct ls_multipart_part part; /* … what it is about, in e->content … */
    struct ls_slice run;
    size_t consumed; /* … of which so many bytes are done with */
    int64_t wrong;   /* < 0: see ls_multipart_feed */
    int fd;          /* content goes there; -1: to Lua */
    int err;         /* -errno of it */
    lua_Integer saved;
};

static struct parts *check_parts(lua_State *L)
{
    struct parts *p = luaL_checkudata(L, 1, PARTS);
    lua_getiuservalue(L, 1, 1);
    ls_view_check_at(L, -1, LS_REQUEST);
    lua_pop(L, 1);
    return p;
}

static int close_file(lua_State *L)
{
    struct parts *p = luaL_checkudata(L, 1, PARTS);
    if (p->fd >= 0)
        ls_sys_close(p->fd);
    p->fd = -1;
    return 0;
}

/* parts(req): what the following take; or 415, 400. */
static int core_parts(lua_State *L)
{
    struct ls_engine *e = ls_request_check(L);
    struct parts *p = lua_newuserdatauv(L, sizeof *p, 1);
    *p = (struct parts) { .fd = -1 };
    luaL_setmetatable(L, PARTS);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int err = ls_multipart_init(&p->multipart,
                                ls_head_value(&e->head, e->in.at, LS_SLICE("Content-Type")));
    if (err == -415)
        return ls_request_abort(L, 415, "expected multipart/form-data");
    if (err < 0)
        return ls_request_abort(L, 400, "multipart/form-data without a boundary");
    return 1;
}

/* The next event of the content that is there. False: more has to come. */
static bool next_event(struct parts *p, struct ls_engine *e)
{
    ls_buffer_drop(&e->content, p->consumed);
    p->consumed = 0;
    int64_t got =
        ls_multipart_feed(&p->multipart, ls_content_there(e), &p->event, &p->run, &p->part);
    p->wrong = got < 0 ? got : 0;
    p->consumed = got > 0 ? (size_t)got : 0;
    return got < 0 || p->event != LS_MULTIPART_MORE;
}

static void check_event(lua_State *L, const struct parts *p, bool over)
{
    if (p->wrong == -431)
        ls_request_abort(L, 413, "the head of a part is too large");
    if (p->wrong < 0)
        ls_request_abort(L, 400, "malformed multipart/form-data");
    if (over)
        ls_request_abort(L, 400, "multipart/form-data ends before its last boundary");
}

static bool has_event(lua_State *L, struct ls_engine *e)
{
    return next_event(lua_touserdata(L, 1), e);
}

static void set_unescaped(lua_State *L, struct ls_slice text, const char *field)
{
    char out[LS_MULTIPART_NAME];
    lua_pushlstring(L, out, ls_multipart_unescape(text, out));
    lua_setfield(L, -2, field);
}

/* A table that says what part it is; nil at the end. */
static int push_part(lua_State *L, const struct parts *p)
{
    if (p->event == LS_MULTIPART_END)
        return 0;
    lua_createtable(L, 0, 4);
    set_unescaped(L, p->part.name, "name");
    if (p->part.is_file)
        set_unescaped(L, ls_multipart_basename(p->part.filename), "filename");
    if (p->part.type.len > 0) {
        lua_pushlstring(L, p->part.type.at, p->part.type.len);
        lua_setfield(L, -2, "type");
    }
    return 1;
}

static bool at_part(lua_State *L, struct ls_engine *e)
{
    struct parts *p = lua_touserdata(L, 1);
    while (has_event(L, e))
        if (p->wrong < 0 || p->event == LS_MULTIPART_PART || p->event == LS_MULTIPART_END)
            return true;
    return false;
}

static int give_part(lua_State *L, struct ls_engine *e, bool over)
{
    struct parts *p = lua_touserdata(L, 1);
    (void)e;
    check_event(L, p, over);
    return push_part(L, p);
}

/* next_part(parts): passes over what is left of the one before. */
static int core_next_part(lua_State *L)
{
    static const struct ls_content_reading to_part = { ls_engine_read_more, at_part, give_part };
    check_parts(L);
    lua_settop(L, 1);
    return ls_content_read(L, &to_part);
}

static int give_run(lua_State *L, struct ls_engine *e, bool over)
{
    struct parts *p = lua_touserdata(L, 1);
    (void)e;
    check_event(L, p, over);
    if (p->event != LS_MULTIPART_CONTENT) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushlstring(L, p->run.at, p->run.len);
    return 1;
}

/* part_run(parts): the next run of the part's content; nil at its end. */
static int core_part_run(lua_State *L)
{
    static const struct ls_content_reading to_run = { ls_engine_read_more, has_event, give_run };
    struct parts *p = check_parts(L);
    lua_settop(L, 1);
    if (p->event == LS_MULTIPART_PART_END || p->event == LS_MULTIPART_END) {
        lua_pushnil(L);
        return 1;
    }
    return ls_content_read(L, &to_run);
}

static void write_run(struct parts *p)
{
    for (size_t at = 0; at < p->run.len && p->err == 0;) {
        long wrote = ls_sys_write(p->fd, p->run.at + at, p->run.len - at);
        if (wrote < 0 && wrote != -EINTR)
            p->err = (int)wrote;
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    p->saved += (lua_Integer)p->run.len;
}

static bool has_saved(lua_State *L, struct ls_engine *e)
{
    struct parts *p = lua_touserdata(L, 1);
    while (next_event(p, e)) {
        if (p->wrong < 0 || p->event != LS_MULTIPART_CONTENT)
            return true;
        write_run(p);
        if (p->err < 0)
            return true;
    }
    return false;
}

static int give_saved(lua_State *L, struct ls_engine *e, bool over)
{
    struct parts *p = lua_touserdata(L, 1);
    (void)e;
    close_file(L);
    check_event(L, p, over);
    if (p->err == 0) {
        lua_pushinteger(L, p->saved);
        return 1;
    }
    errno = -p->err;
    return luaL_fileresult(L, 0, NULL);
}

/* part_create(parts, path): where the following writes to, a new file. True; or nil, message, errno. */
static int core_part_create(lua_State *L)
{
    struct parts *p = check_parts(L);
    const char *path = luaL_checkstring(L, 2);
    struct ls_open_how how = { .flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, .mode = 0640 };
    close_file(L);
    int fd = ls_sys_openat2(AT_FDCWD, path, &how, sizeof how);
    if (fd < 0) {
        errno = -fd;
        return luaL_fileresult(L, 0, path);
    }
    p->fd = fd;
    lua_pushboolean(L, 1);
    return 1;
}

/* part_save(parts): writes the rest of the part. How many bytes; or nil, message, errno. */
static int core_part_save(lua_State *L)
{
    static const struct ls_content_reading to_file = { ls_engine_read_more, has_saved, give_saved };
    struct parts *p = check_parts(L);
    luaL_argcheck(L, p->fd >= 0, 1, "no file");
    p->saved = 0;
    p->err = 0;
    lua_settop(L, 1);
    if (p->event != LS_MULTIPART_PART_END && p->event != LS_MULTIPART_END)
        return ls_content_read(L, &to_file);
    close_file(L);
    lua_pushinteger(L, 0);
    return 1;
}

void ls_parts_core(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "parts", core_parts },         { "next_part", core_next_part },
        { "part_run", core_part_run },   { "part_create", core_part_create },
        { "part_save", core_part_save }, { NULL, NULL }
    };
    luaL_newmetatable(L, PARTS);
    lua_pushcfunction(L, close_file);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
