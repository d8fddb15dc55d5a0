#!/bin/sh
# Programs that look for faults in the C without running it: clang-tidy (.clang-tidy), cppcheck, gcc -fanalyzer.
#
#   spec/analyse.sh [TOOL...]      clang, cppcheck, gcc; all without an argument; from the root of the repo
#
# What they find wrongly stands in spec/analyse.known, with the reason. Ends with "N passed, N failed"; exits 1
# if there is any other finding. A tool that is not installed is skipped. FLAGS are the compiler's.
set -eu

[ $# -gt 0 ] || set -- clang cppcheck gcc
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
jobs=$(nproc)
export FLAGS work

# each_file SCRIPT: for each file as $0; their outputs one after the other.
each_file() {
  rm -rf "$work/each"
  mkdir "$work/each"
  # shellcheck disable=SC2016 # for the inner shell
  find src bench -name '*.c' | sort |
    xargs -P "$jobs" -n 1 sh -c "{ $1; } > \"\$work/each/\$(echo \"\$0\" | tr / _)\" 2> \"\$work/errors\" || :"
  cat "$work"/each/*
}

# One process a file: with several, clang 14 mistakes one's va_list for another's.
find_clang() {
  command -v clang-tidy > /dev/null || return 1
  # shellcheck disable=SC2016 # for the inner shell
  each_file 'clang-tidy -quiet "$0" -- $FLAGS -include spec/analyse.h'
}

find_cppcheck() {
  command -v cppcheck > /dev/null || return 1
  cppcheck -q -j "$jobs" --enable=warning,performance,portability --std=c11 --platform=unix64 --library=gnu,posix \
    --template='{file}:{line}:{column}: {severity}: {message} [{id}]' -Isrc -D_GNU_SOURCE src bench 2>&1
}

find_gcc() {
  command -v gcc > /dev/null || return 1
  # shellcheck disable=SC2016 # for the inner shell
  each_file 'gcc -O1 -fanalyzer -fdiagnostics-plain-output -fanalyzer-verbosity=0 -include spec/analyse.h $FLAGS -c -o /dev/null "$0" 2>&1' |
    sed -E 's/ \[CWE-[0-9]+\]//'
}

for tool in "$@"; do
  if ! "find_$tool" > "$work/found"; then
    echo "skipped $tool: not installed"
    continue
  fi
  echo "$tool:"
  if lua5.4 spec/analyse.lua "$tool" < "$work/found" > "$work/judged"; then
    passed=$((passed + 1))
  else
    failed=$((failed + $(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$work/judged")))
  fi
  sed '$d' "$work/judged"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
