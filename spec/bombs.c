/* Faults that stock Lua cannot commit, as a Lua module: what bombs_spec.lua and soak.sh throw at
 * the server. `cc -shared -fPIC -O1 -I/usr/include/lua5.4 -o bombs.so bombs.c`
 *
 * segv, bus, abort, trap, syskill, stack and spin do not return. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <lauxlib.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <lua.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { PAGE = 4096, STEP = 1 << 20, FRAME = 1024 };

LUAMOD_API int luaopen_bombs(lua_State *L);

/* A write to where nothing is: SIGSEGV. */
static int bomb_segv(lua_State *L)
{
    volatile uintptr_t where = 0x10;
    (void)L;
    *(volatile int *)where = 1;
    return 0;
}

/* A read behind the end of a mapped file: SIGBUS. */
static int bomb_bus(lua_State *L)
{
    FILE *file = tmpfile();
    if (!file || ftruncate(fileno(file), PAGE) < 0)
        return luaL_error(L, "no file");
    volatile char *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fileno(file), 0);
    if (page == MAP_FAILED || ftruncate(fileno(file), 0) < 0)
        return luaL_error(L, "no mapping");
    lua_pushinteger(L, page[0]);
    return 1;
}

static int bomb_abort(lua_State *L)
{
    (void)L;
    abort();
}

/* An instruction that there is not: SIGILL. */
static int bomb_trap(lua_State *L)
{
    (void)L;
    __asm__ volatile("ud2");
    return 0;
}

/* From here on every syscall is forbidden, and one is made: SIGSYS. */
static int bomb_syskill(lua_State *L)
{
    struct sock_filter none[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) };
    struct sock_fprog program = { 1, none };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return luaL_error(L, "no seccomp");
    return getppid() == 0;
}

/* Where no hook of Lua's comes by. */
static int bomb_spin(lua_State *L)
{
    volatile int n = 0;
    (void)L;
    while (n == 0)
        ;
    return 0;
}

/* malloc(bytes): as many, in steps, or what there is of them; all touched, never freed. */
static int bomb_malloc(lua_State *L)
{
    size_t wanted = (size_t)luaL_checkinteger(L, 1), got = 0;
    for (char *at; got < wanted && (at = malloc(STEP)); got += STEP)
        memset(at, 1, STEP);
    lua_pushinteger(L, (lua_Integer)got);
    return 1;
}

/* open(n): as many descriptors, or what there is of them; never closed. */
static int bomb_open(lua_State *L)
{
    lua_Integer wanted = luaL_checkinteger(L, 1), got = 0;
    while (got < wanted && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
        got++;
    lua_pushinteger(L, got);
    return 1;
}

static int deeper(const volatile char *above)
{
    volatile char frame[FRAME];
    frame[0] = above ? above[0] : 1;
    return frame[0] ? deeper(frame) + frame[0] : 0;
}

/* A recursion without an end, on C's stack: SIGSEGV at its guard. */
static int bomb_stack(lua_State *L)
{
    lua_pushinteger(L, deeper(NULL));
    return 1;
}

int luaopen_bombs(lua_State *L)
{
    static const luaL_Reg bombs[] = { { "segv", bomb_segv },       { "bus", bomb_bus },
                                      { "abort", bomb_abort },     { "trap", bomb_trap },
                                      { "syskill", bomb_syskill }, { "spin", bomb_spin },
                                      { "malloc", bomb_malloc },   { "open", bomb_open },
                                      { "stack", bomb_stack },     { NULL, NULL } };
    luaL_newlib(L, bombs);
    return 1;
}
