#!/bin/sh
# What the source and the binary must look like (design 3 and 4).
#
#   spec/lint.sh BIN BUILD      from the root of the repo, after a build into BUILD
#
# One line a check, then "N passed, N failed"; exits 1 if any failed. CC names the compiler.
set -eu

bin=$1
build=$2
cc=${CC:-gcc}
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check WHAT: ok when what the check before it wrote to $work/faults is empty.
check() {
  if [ -s "$work/faults" ]; then
    echo "FAILED $1"
    sed 's/^/    /' "$work/faults"
    failed=$((failed + 1))
  else
    echo "ok $1"
    passed=$((passed + 1))
  fi
}

faults() { cat > "$work/faults"; }
have() { command -v "$1" > /dev/null; }

# Ours: neither the tests' objects nor the fuzzers'.
find "$build" -name '*.o' ! -path "$build/unit/*" ! -path "$build/fuzz/*" ! -path "$build/lib/*" | sort > "$work/objects"
each_object() { while read -r object; do "$1" "$object"; done < "$work/objects"; }

# What the kernel is asked for through src/os/sys.h and so never through libc: the stubs' own
# names, and the other names by which libc offers the same. (But clock_gettime, which for the wall
# and the monotonic clock is no syscall in libc; the stub is for those of other processes.)
{
  sed -n 's/^NR_\([a-z0-9_]*\) .*/\1/p' asm/nr.inc | grep -vx clock_gettime
  tr ' ' '\n' <<'NAMES'
accept fork vfork _Fork open open64 openat openat64 creat fopen64 sendfile64 lseek64 fcntl64 mmap64
fstat64 epoll_create epoll_wait epoll_pwait2 poll select pselect dup2 send recv sendmsg recvmsg
readv64 preadv pwritev pread pwrite pread64 pwrite64 wait waitpid waitid sigaction signal
sigprocmask pthread_sigmask sigqueue signalfd getrlimit setrlimit getrlimit64 setrlimit64
prlimit syscall _exit _Exit killpg setpgrp
NAMES
} | sort -u > "$work/libc"
printf '%s\n' socket bind listen accept accept4 fork vfork connect shutdown sendfile sendfile64 \
  > "$work/design"

undefined() { sed -n 's/.* [Uw] \([^@ ]*\).*/\1/p'; }

numbers() {
  {
    echo '#include <asm/unistd_64.h>'
    sed -n 's/^NR_\([a-z0-9_]*\) *equ *\([0-9]*\)$/_Static_assert(__NR_\1 == \2, "\1");/p' asm/nr.inc
  } > "$work/numbers.c"
  grep -q _Static_assert "$work/numbers.c" || echo "asm/nr.inc: no numbers found"
  "$cc" -fsyntax-only "$work/numbers.c" 2>&1 | grep 'error:' || :
}

libc_in_object() {
  nm -u "$1" | undefined | grep -Fx -f "$work/libc" | sed "s|^|$1: |" || :
}

libc_in_binary() {
  nm -D "$bin" | undefined > "$work/imports"
  [ -s "$work/imports" ] || echo "$bin: nm -D shows no import at all"
  grep -Fx -f "$work/design" "$work/imports" || :
}

kernel_entries() {
  objdump -d --no-show-raw-insn "$1" | grep -E '	(syscall|sysenter|int +\$0x80)' || :
}

entries_in_object() {
  case $1 in
    "$build"/asm/*) ;;
    *) [ -z "$(kernel_entries "$1")" ] || echo "$1" ;;
  esac
}

entries() {
  each_object entries_in_object
  [ -n "$(kernel_entries "$build/asm/sys.o")" ] || echo "$build/asm/sys.o has none: not looked at?"
}

stack_of_object() {
  case $1 in
    "$build"/asm/*)
      readelf -W -S "$1" | grep -q '\.note\.GNU-stack *PROGBITS' || echo "$1: no .note.GNU-stack"
      readelf -W -S "$1" | grep -q '\.note\.GNU-stack.* X ' && echo "$1: asks for one" || : ;;
  esac
}

stack() {
  readelf -W -l "$bin" | grep -q 'GNU_STACK.* RW  ' || echo "$bin: GNU_STACK is not RW"
  each_object stack_of_object
}

# .data.rel.ro is read-only once the program runs; section symbols (flag d) are not objects.
state_in_object() {
  objdump -t "$1" | awk -v object="$1" '
    substr($0, 18, 7) !~ /d/ && substr($0, 26) ~ /^(\.t?data|\.t?bss|\*COM\*)/ &&
    substr($0, 26) !~ /^\.data\.rel\.ro/ && $NF != "ls_sys_gate" { print object ": " $NF }'
}

state() {
  each_object state_in_object
  objdump -t "$build/asm/sys.o" | grep -q '\.bss.*ls_sys_gate' || echo "the gate is not in .bss"
}

lua_faults() {
  if [ -f .luacheckrc ]; then set -- ; else set -- --std lua54+busted; fi
  xargs luacheck -q --no-color "$@" < "$work/lua" > "$work/luacheck" 2>&1 || cat "$work/luacheck"
}

format_faults() {
  find src spec bench -name '*.[ch]' -exec clang-format --dry-run -Werror {} + 2>&1 |
    sed -n 's/^\([^:]*\):.*error:.*/\1/p' | sort -u
}

[ -s "$work/objects" ] || { echo "FAILED no objects below $build"; exit 1; }

numbers | faults
check "the syscall numbers are the kernel's"
each_object libc_in_object | faults
check "no object of ours asks libc for what the stubs do"
libc_in_binary | faults
check "the binary imports none of libc's socket, bind, listen, accept, fork, connect …"
entries | faults
check "only asm/ enters the kernel"
stack | faults
check "the stack is not executable"
state | faults
check "no mutable static state but the gate"

find src scripts spec bench docs ./*.lua -name '*.lua' 2> /dev/null | sort > "$work/lua" || :
if [ ! -s "$work/lua" ]; then
  echo "skipped luacheck: no Lua files"
elif ! have luacheck; then
  echo "skipped luacheck: not installed"
else
  lua_faults | faults
  check "luacheck finds nothing"
fi

if have clang-format; then
  format_faults | faults
  check "the C files are formatted"
else
  echo "skipped clang-format: not installed"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
