/* Ending a handler that does not end by itself: a hook on the coroutine that runs raises an
 * error at its next instruction, and at every one after it, until the handler is over. So neither
 * pcall nor __close nor another coroutine holds it up. C functions, finalizers and message
 * handlers are not reached: those take a kill.
 *
 * A hook belongs to one coroutine, so whoever changes coroutines says so: ls_interrupt_enter
 * before, ls_interrupt_leave after. */
#ifndef LS_LUA_INTERRUPT_H
#define LS_LUA_INTERRUPT_H

#include "lua/state.h"

/* Async-signal-safe. Does nothing when no handler runs. */
void ls_interrupt_raise(struct ls_lua *lua, enum ls_interrupt why);

/* `co` runs from now on; returns the one that ran before it. */
lua_State *ls_interrupt_enter(struct ls_lua *lua, lua_State *co);
void ls_interrupt_leave(struct ls_lua *lua, lua_State *before);

/* While scripts load: what is still at it at `until` (µs of ls_clock_us) is ended in the same way.
 * 0: all is loaded. */
void ls_interrupt_loading(struct ls_lua *lua, uint64_t until);

/* An interrupt for the time that was taken is taken back: it has come to a wait by now. */
void ls_interrupt_forgive(struct ls_lua *lua);

/* The handler is over. Was it interrupted? Clears that, and the hook of `co`. */
bool ls_interrupt_over(struct ls_lua *lua, lua_State *co);

/* Raises the error of an interrupt at once, for calls that come back from waiting. */
int ls_interrupt_error(lua_State *L);

#endif
