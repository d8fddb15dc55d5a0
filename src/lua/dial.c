/* Connections that a handler makes itself: app.connect. */
#include "lua/conn.h"

#include <errno.h>
#include <string.h>

#include "os/resolve.h"

static int failed(lua_State *L, int err)
{
    const char *code = strerrorname_np(-err);
    luaL_pushfail(L);
    lua_pushstring(L, ls_net_why(err));
    lua_pushstring(L, code ? code : "EIO");
    return 3;
}

/* resolve(host, port): a list of addresses for dial, and how many; or nil, message, code. */
static int core_resolve(lua_State *L)
{
    const char *host = luaL_checkstring(L, 1);
    lua_Integer port = luaL_checkinteger(L, 2);
    struct ls_address *all = lua_newuserdatauv(L, LS_RESOLVED * sizeof *all, 0);
    int count = ls_resolve(host, (uint16_t)port, all);
    if (count < 0)
        return luaL_pushfail(L), lua_pushfstring(L, "there is no host %s", host),
               lua_pushliteral(L, "ENOENT"), 3;
    lua_pushinteger(L, count);
    return 2;
}

/* dial(addresses, index, local_port or nil): a connection, and whether it stands already (else wait until it
 * can be written to, and ask dialed); or nil, message, code. */
static int core_dial(lua_State *L)
{
    const struct ls_address *to = lua_touserdata(L, 1);
    lua_Integer index = luaL_checkinteger(L, 2), port = luaL_optinteger(L, 3, 0);
    luaL_argcheck(L, to && index >= 1 && index <= LS_RESOLVED, 2, "no such address");
    to += index - 1;
    struct ls_address from;
    struct ls_conn *conn = ls_conn_push(L);
    int fd;
    if (port > 0)
        ls_net_from(to, (uint16_t)port, &from);
    int err = ls_net_dial(to, port > 0 ? &from : NULL, &fd);
    if (err < 0 && err != -EINPROGRESS)
        return failed(L, err);
    ls_conn_own(L, conn, fd);
    ls_address_ip(to, conn->peer.ip);
    conn->peer.port = ls_address_port(to);
    lua_pushboolean(L, err == 0);
    return 2;
}

/* dialed(conn): true; or nil, message, code. */
static int core_dialed(lua_State *L)
{
    struct ls_conn *conn = ls_conn_check(L, 1);
    int err = ls_net_dialed(conn->wire.fd);
    if (err < 0)
        return failed(L, err);
    lua_pushboolean(L, 1);
    return 1;
}

void ls_dial_core(lua_State *L)
{
    static const luaL_Reg functions[] = { { "resolve", core_resolve },
                                          { "dial", core_dial },
                                          { "dialed", core_dialed },
                                          { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}
