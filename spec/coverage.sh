#!/bin/sh
# Which lines of C the tests reach: a build with counters, the C tests, the specs in both modes.
#
#   spec/coverage.sh OUT      from the root of the repo; writes OUT/index.html, OUT/lines.txt
#
# Ends with one line of sums. Workers write their counters when they end (os/process.c); those that are killed, or may
# write no file, do not. So a test that fails here and not elsewhere is said, and does no harm.
set -eu

out=$1
[ -n "${KEEP-}" ] || rm -rf "$out"
mkdir -p "$out"
# The dump stands in an archive: nothing else asks for it.
LDFLAGS='-Wl,-u,__gcov_dump' make --no-print-directory -j"$(nproc)" BUILD="$out/build" BIN="$out/luaserve" \
  OPT='-O1 -g' SAN='--coverage' all unit-build
find "$out/build" -name '*.gcda' -delete
./spec/run.sh "$out/build" "$out/luaserve" > "$out/tests.log" 2>&1 || grep -E '^(FAILED|Failure|Error)' "$out/tests.log" || :
echo "tests: $(tail -n 1 "$out/tests.log")"

gcovr --root . --filter 'src/' --object-directory "$out/build" --html-details "$out/index.html" \
  --txt "$out/lines.txt" --print-summary "$out/build" > "$out/sums.txt" 2> "$out/gcovr.log" || { cat "$out/gcovr.log" >&2; exit 1; }
echo "$(grep '^lines:' "$out/sums.txt"), $(grep '^branches:' "$out/sums.txt"); $out/index.html"
