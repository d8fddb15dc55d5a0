#!/usr/bin/env bash
# The servers of bench/peers beside each other: rates, CPU and latency, over loopback, with wrk, and
# with wsload for WebSockets.
#
#   bench/run.sh LUASERVE BUILT [RESULTS.md]     from the root of the repo; BUILT has the null servers and wsload
#   bench/run.sh --smoke LUASERVE BUILT          each work once: only whether all is answered right
#
# ROUNDS (3), EACH (3 seconds), WORKS and SERVERS (shell patterns, several with blanks between)
# choose what is done. In a work each round asks every server once, so that what else the machine
# does meets all alike, and ratios are taken within a round. raw.tsv beside RESULTS.md keeps what
# was measured; bench/report.lua makes tables and plot of it. Smoke ends with "N passed, N failed".
set -euo pipefail

# name, kind (what a server must be able to do), clients, path, arguments of bench/load.lua (ws: bytes of a
# message)
all_works='
hello-1      hello  1    /hello
hello-32     hello  32   /hello
hello-256    hello  256  /hello
hello-1000   hello  1000 /hello
hello-close  close  32   /hello
half-load    hello  256  /hello
file-1k      file   32   /1k.bin
file-100k    file   32   /100k.bin
file-100m    file   4    /100m.bin
echo-1k      echo   32   /echo    post 1024
echo-100k    echo   32   /echo    post 102400
ws-echo-32   ws     32   /ws      32
ws-echo-256  ws     256  /ws      32
ws-echo-1000 ws     1000 /ws      32'

peak_clients=32   # half-load is half of what a server does for so many
beside_pause=0.6  # ms that a client takes beside its pause: the answer, wrk's timer of whole ms
quiet=10          # percent that other processes may be busy before a warning

# shellcheck source=bench/servers.sh
source bench/servers.sh

smoke=
if [[ ${1-} == --smoke ]]; then smoke=yes && shift; fi
if (($# < 2 || $# > 3)); then
  echo "usage: bench/run.sh [--smoke] LUASERVE BUILT [RESULTS.md]" >&2
  exit 64
fi
luaserve=$(realpath "$1") built=$(realpath "$2") results=${3:-$built/results.md}
raw=$(dirname "$results")/raw.tsv
rounds=${ROUNDS:-3} each=${EACH:-3}
read -ra works_wanted <<< "${WORKS:-*}"
read -ra servers_wanted <<< "${SERVERS:-*}"
if [[ -n $smoke ]]; then rounds=1 each=1; fi
for tool in wrk curl lua5.4; do
  command -v "$tool" > /dev/null || fail "needs $tool: ./spec/deps.sh bench installs it"
done

# matches NAME PATTERN...
matches() {
  local name=$1 pattern
  shift
  for pattern in "$@"; do
    # shellcheck disable=SC2053 # a pattern
    if [[ $name == $pattern ]]; then return 0; fi
  done
  return 1
}

# The peers that are wanted and there, into `servers`; says which are not there.
find_servers() {
  local file name needs how
  servers=()
  for file in bench/peers/*.sh; do
    name=$(basename "$file" .sh)
    if ! matches "$name" "${servers_wanted[@]}"; then continue; fi
    needs=$(of_peer "$name" show needs)
    how=$(of_peer "$name" show how)
    if of_peer "$name" installed; then
      servers+=("$name")
    elif [[ -n $needs ]]; then
      echo "skipped $name: needs $needs (${how:-./spec/deps.sh bench})"
    else
      echo "skipped $name: $luaserve and $built do not have it"
    fi
  done
  ((${#servers[@]} > 0)) || fail "no such server is there"
}

make_files() {
  chmod 755 "$work" # some servers become another user
  mkdir "$www"
  head -c 1K /dev/urandom > "$www/1k.bin"
  head -c 100K /dev/urandom > "$www/100k.bin"
  head -c 100M /dev/urandom > "$www/100m.bin"
}

# Sets expected: the file with the body that the work's answers have.
make_expected() {
  expected=$work/expected
  case $kind in
    file) expected=$www$path ;;
    echo) head -c "${load_args[1]}" /dev/zero | tr '\0' x > "$expected" ;;
    *) printf '<h1>Hello, World!</h1>' > "$expected" ;;
  esac
}

# answers_right NAME
answers_right() {
  local args=() status
  if [[ $kind == ws ]]; then
    "$built/wsload" "${ports[$1]}" "$path" 1 once "${load_args[@]}" > "$work/page"
    return
  fi
  if [[ $kind == echo ]]; then args=(-H 'Expect:' --data-binary "@$expected"); fi
  if [[ $kind == close ]]; then args=(-H 'Connection: close'); fi
  status=$(curl -s -m 20 -o "$work/page" -w '%{http_code}' "${args[@]}" \
    "http://127.0.0.1:${ports[$1]}$path") || :
  if [[ $status == 200 ]] && cmp -s "$work/page" "$expected"; then return 0; fi
  echo "$1 answers $path with status $status and $(wc -c < "$work/page") bytes, which are not the" \
    "$(wc -c < "$expected") that it should" >&2
  return 1
}

# Microseconds that the machine has been busy, all its processes together.
busy() {
  local user nice system irq softirq
  read -r _ user nice system _ _ irq softirq _ < /proc/stat
  echo $(((user + nice + system + irq + softirq) * 1000000 / ticks))
}

# generate NAME CLIENTS [ARGUMENTS of load.lua]: the load
generate() {
  local name=$1 clients=$2 args=()
  shift 2
  if [[ $kind == ws ]]; then exec "$built/wsload" "${ports[$name]}" "$path" "$clients" "$each" "$@"; fi
  if [[ $kind == close ]]; then args=(-H 'Connection: close'); fi
  exec wrk -t1 "-c$clients" "-d${each}s" --timeout 30s "${args[@]}" -s bench/load.lua \
    "http://127.0.0.1:${ports[$name]}$path" -- "$@"
}

# load NAME CLIENTS [ARGUMENTS of load.lua]: sets requests seconds bytes p50 p99 errors, and cpu:
# microseconds that the machine was busy with anything but the load generator.
load() {
  local before after spent TIMEFORMAT='%U %S'
  before=$(busy)
  { time (generate "$@") > "$work/load" 2>&1; } 2> "$work/time" || :
  after=$(busy)
  spent=$(awk '{ printf "%.0f", ($1 + $2) * 1000000 }' "$work/time")
  cpu=$((after - before - spent))
  IFS=$'\t' read -r requests seconds bytes p50 p99 errors < <(sed -n 's/^load\t//p' "$work/load") || {
    cat "$work/load" >&2
    return 1
  }
}

# pause_for PEAK CLIENTS: milliseconds between the requests of each, for half of PEAK in all.
pause_for() {
  awk -v peak="$1" -v clients="$2" -v beside="$beside_pause" 'BEGIN {
    pause = 2000 * clients / (peak + 1) - beside
    print (pause > 0 ? pause : 0) }'
}

# measure ROUND NAME: a line of raw.tsv. Each server's half load is half of what it has just done.
measure() {
  local peak=- args=("${load_args[@]}")
  if [[ $work_name == half-load ]]; then
    load "$2" "$peak_clients" || return 1
    peak=$(awk "BEGIN { printf \"%.0f\", $requests / $seconds }")
    args=(pause "$(pause_for "$peak" "$clients")")
  fi
  load "$2" "$clients" "${args[@]}" || return 1
  printf '%s\t' "$1" "$work_name" "$2" "$requests" "$seconds" "$bytes" "$cpu" "$p50" "$p99" "$errors" \
    >> "$raw"
  echo "$peak" >> "$raw"
}

# Those of `servers` that can do what the work is.
find_able() {
  local name can
  able=()
  for name in "${servers[@]}"; do
    can=" $(of_peer "$name" show can) "
    if [[ $can == *" $kind "* ]]; then able+=("$name"); fi
  done
}

# Percent of the machine that is busy with something else; a warning when that is much: it counts as
# the servers' CPU.
busy_before() {
  local before after percent
  before=$(busy)
  sleep 1
  after=$(busy)
  percent=$(((after - before) / (10000 * $(nproc))))
  if ((percent > quiet)); then
    echo "bench: others keep the machine busy ($percent %): CPU is overstated, rates are less sure" >&2
  fi
  echo "$percent"
}

# What was measured where: comments at the head of raw.tsv.
describe() {
  local name needs
  echo "# date: $(date -u +%Y-%m-%d)"
  echo "# machine: $(nproc) cores of $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)," \
    "Linux $(uname -r)"
  echo "# rounds: $rounds of $each s"
  if [[ -z $smoke ]]; then echo "# others: $(busy_before) % of the machine busy before the first round"; fi
  for name in "${servers[@]}"; do
    needs=$(of_peer "$name" show needs)
    if [[ -n $needs ]] && command -v dpkg-query > /dev/null; then
      # shellcheck disable=SC2086 # a list of words
      echo "# server $name:$(dpkg-query -W -f ' ${Package} ${Version}' $needs 2> /dev/null || :)"
    fi
  done
  printf 'round\twork\tserver\trequests\tseconds\tbytes\tcpu_us\tp50_us\tp99_us\terrors\tpeak\n'
}

# The work that work_name, kind, clients, path and load_args say, by all servers that can.
compare() {
  local name round
  for name in "${able[@]}"; do
    if ! { start "$name" && answers_right "$name"; }; then fail "stopped at $work_name of $name"; fi
  done
  for ((round = 1; round <= rounds; round++)); do
    for name in "${able[@]}"; do
      measure "$round" "$name" || fail "no result of the load generator for $work_name of $name"
    done
  done
  stop_all
  echo "measured $work_name: ${able[*]}"
}

# The same once, one server after the other, counting in `passed` and `failed`. How fast is no
# question here, not even whether 100 MB come through in time.
try() {
  local name
  for name in "${able[@]}"; do
    requests='' errors=''
    if start "$name" && answers_right "$name" && measure 1 "$name" && ((errors == 0 && bytes > 0)); then
      passed=$((passed + 1))
      echo "ok $work_name of $name"
    else
      failed=$((failed + 1))
      echo "FAILED $work_name of $name: ${errors:-no} errors, ${requests:-no} requests"
    fi
    if [[ -n ${pids[$name]-} ]]; then stop "$name"; fi
  done
}

ticks=$(getconf CLK_TCK) passed=0 failed=0 found=''
find_servers
make_files
mkdir -p "$(dirname "$results")"
if [[ -n $smoke ]]; then raw=$work/raw.tsv; fi
describe > "$raw"
while read -r work_name kind clients path args <&3; do
  if [[ -z $work_name ]] || ! matches "$work_name" "${works_wanted[@]}"; then continue; fi
  read -ra load_args <<< "$args"
  found=yes
  find_able
  make_expected
  if [[ -n $smoke ]]; then try; else compare; fi
done 3<<< "$all_works"
[[ -n $found ]] || fail "no work has such a name"

if [[ -n $smoke ]]; then
  echo "$passed passed, $failed failed"
  ((failed == 0 && passed > 0))
else
  lua5.4 bench/report.lua "$raw" "$results" "${results%.md}.svg"
fi
