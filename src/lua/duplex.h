/* Two processes on one client: the second one, which is forked, only reads; the first one only writes. The reader
 * has news for the writer: frames that only the writer may send, and its end. */
#ifndef LS_LUA_DUPLEX_H
#define LS_LUA_DUPLEX_H

#include "lua/conn.h"

struct ls_duplex;

void ls_duplex_open(lua_State *L); /* the type */
void ls_duplex_core(lua_State *L); /* adds the functions for duplex.lua to the table on top */

/* ---- in the writer ---- */

/* Descriptors to wait for beside others. */
void ls_duplex_add(const struct ls_duplex *duplex, struct ls_events *events);

/* Takes the news. Raises when the reader has failed or died. */
void ls_duplex_listen(lua_State *L, struct ls_duplex *duplex);

/* The reader has come to a good end: whoever has looked at what is there already is not to wait any more. */
bool ls_duplex_has_ended(const struct ls_duplex *duplex);

/* The handler is over: if there still is a second process, it is killed. */
void ls_duplex_end(struct ls_call *call, struct ls_engine *e);

/* ---- in the reader ---- */

/* A frame that the writer is to send; lost when the writer does not keep up, unless it is a close. */
void ls_duplex_relay(const struct ls_conn *conn, int opcode, struct ls_slice payload);

#endif
