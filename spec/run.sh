#!/bin/sh
# Runs the tests and adds up; ends with exactly "N passed, N failed", exits 1 if any failed.
#
#   spec/run.sh BUILD BIN        the C tests in BUILD/unit, then the specs against BIN
#   spec/run.sh --unit BUILD
#   spec/run.sh --spec BIN
#
# From the root of the repo. VALGRIND=1 runs the C tests under valgrind; SPEC_SECONDS is how long the specs of
# a mode may take. A test that crashes, does
# not end or says no count is a failure, as is one that runs nothing and gives no reason in
# parentheses behind its count.
set -eu

usage() {
  echo "usage: spec/run.sh BUILD BIN | --unit BUILD | --spec BIN" >&2
  exit 64
}

build='' bin=''
case ${1-} in
  --unit) [ $# -eq 2 ] || usage; build=$2 ;;
  --spec) [ $# -eq 2 ] || usage; bin=$2 ;;
  *)      [ $# -eq 2 ] || usage; build=$1; bin=$2 ;;
esac

passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# add FILE WHAT STATUS: the count in FILE's last such line; a failure if there is none, and if
# STATUS tells of one that was not counted.
add() {
  count=$(sed -n 's/^\([0-9]\{1,\}\) passed, \([0-9]\{1,\}\) failed.*/\1 \2/p' "$1" | tail -n 1)
  good=${count% *} bad=${count#* }
  if [ -z "$count" ]; then
    echo "FAILED: $2 ended with status $3 and no count"
    good=0 bad=1
  elif [ "$good" -eq 0 ] && [ "$bad" -eq 0 ]; then
    if tail -n 1 "$1" | grep -q 'failed (.*)$' && [ "$3" -eq 0 ]; then return; fi # says why
    echo "FAILED: $2 ran no test"
    bad=1
  elif [ "$3" -ne 0 ] && [ "$bad" -eq 0 ]; then
    echo "FAILED: $2 ended with status $3"
    bad=1
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

run_unit() {
  seconds=120
  set --
  if [ -n "${VALGRIND-}" ]; then
    seconds=900
    set -- valgrind -q --error-exitcode=99 --leak-check=full --trace-children=no \
      --child-silent-after-fork=yes
  fi
  for test in "$build"/unit/*_test; do
    name=$(basename "$test")
    source=spec/unit/$name.c
    case $name in
      fuzz_*) source=${name#fuzz_} source=spec/fuzz/${source%_test}.c ;;
    esac
    if [ ! -x "$test" ] || [ ! -f "$source" ]; then continue; fi # a test of old
    status=0
    timeout -k 10 "$seconds" "$@" "$test" > "$work/out" || status=$?
    echo "$name: $(tail -n 1 "$work/out")"
    add "$work/out" "$name" "$status"
    ran=yes
  done
  [ -n "${ran-}" ] || { echo "FAILED: no test in $build/unit"; failed=$((failed + 1)); }
}

# What both modes promise is shown in both. These are about one of them, or about neither.
in_both_modes() {
  ls spec/*_spec.lua docs/examples/*/spec/*_spec.lua | grep -vE '/(bombs|cli|docs|embed|install|helper[a-z_]*|pool|process|strace)_spec'
}

# busted ends with "3 successes / 1 failure / 0 errors / 0 pending : 0.5 seconds".
run_specs() { # [FILE...]
  status=0
  {
    LUASERVE=$bin timeout -k 10 "${SPEC_SECONDS:-600}" busted --output=spec/output.lua "$@" || status=$?
    echo "$status" > "$work/status"
  } 2>&1 | tee "$work/busted"
  sed -n 's|^\([0-9]*\) success[es]* / \([0-9]*\) failures* / \([0-9]*\) errors* / .*|\1 \2 \3|p' \
    "$work/busted" | awk '{ print $1 " passed, " $2 + $3 " failed" }' > "$work/out"
  add "$work/out" busted "$(cat "$work/status")"
}

[ -z "$build" ] || run_unit
if [ -n "$bin" ]; then
  run_specs spec docs/examples/*/spec
  echo "once more, in mode pool:"
  export LUASERVE_MODE=pool
  run_specs $(in_both_modes)
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
