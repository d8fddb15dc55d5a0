#!/bin/bash
# Fuzzes with libFuzzer under AddressSanitizer and UBSan: fuzz.sh BUILD SECONDS [TARGET...]
#
# Each target runs for SECONDS from its corpus (spec/fuzz/corpus/TARGET.txt) and its vectors, two
# targets at a time. Ends with "N passed, N failed", a target being one test. What a finding was is
# left in BUILD/found. KEEP=1 adds inputs that reached new code to the corpus.
set -euo pipefail

build=$1 seconds=$2
shift 2
if [ $# -eq 0 ]; then
  for target in spec/fuzz/*.c; do
    name=$(basename "$target" .c)
    [ "$name" = replay ] || set -- "$@" "$name"
  done
fi
if ! command -v clang > /dev/null; then
  echo "fuzz: needs clang with libFuzzer (Debian: apt install clang libclang-rt-dev)" >&2
  exit 1
fi

sanitize='-fsanitize=address,undefined -fno-sanitize-recover=all'
make --no-print-directory -j2 BUILD="$build" CC=clang OPT='-O1 -g' \
  SAN="$sanitize -fsanitize=fuzzer-no-link" "$build/libluaserve.a"

# The C flags of the build, for what it does not build itself.
flags="-std=c11 -O1 -g -D_GNU_SOURCE -Isrc -Ispec/unit -Wall -Wextra -Werror"
mkdir -p "$build/bin" "$build/found"
for target; do
  # shellcheck disable=SC2086 # lists of words
  clang $flags $sanitize -fsanitize=fuzzer -o "$build/bin/$target" "spec/fuzz/$target.c" \
    "$build/libluaserve.a" -l:liblua5.4.a -l:libjansson.a -l:libnettle.a -lm -Wl,-E
  rm -rf "$build/corpus/$target"
  lua5.4 spec/fuzz/corpus.lua unpack "$target" "$build/corpus/$target"
done

fuzz() {
  "$build/bin/$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=8192 \
    -print_final_stats=1 -artifact_prefix="$build/found/$1-" "$build/corpus/$1" \
    > "$build/$1.log" 2>&1
}

passed=0 failed=0
while [ $# -gt 0 ]; do
  first=$1 second=${2-}
  shift
  [ -z "$second" ] || shift
  fuzz "$first" &
  pid=$!
  status=0
  [ -z "$second" ] || fuzz "$second" || status=$?
  for target in "$first" $second; do
    [ "$target" != "$first" ] || { result=0; wait "$pid" || result=$?; }
    [ "$target" != "$second" ] || result=$status
    if [ "$result" -eq 0 ]; then
      passed=$((passed + 1))
      echo "$target: $(sed -n 's/^stat::number_of_executed_units: //p' "$build/$target.log") runs"
    else
      failed=$((failed + 1))
      echo "$target: FAILED, see $build/$target.log"
      grep -m 5 -E 'ERROR|SUMMARY|does not hold|runtime error' "$build/$target.log" || true
    fi
    [ -z "${KEEP-}" ] || lua5.4 spec/fuzz/corpus.lua pack "$target" "$build" "$build/corpus/$target"
  done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
