#!/usr/bin/env bash
# One room full of WebSocket clients: whether each is told everything once and in order, how fast, and what
# memory that takes.
#
#   bench/room.sh LUASERVE BUILT     from the root of the repo; BUILT has room
#
# MODE (pool, fork; both), CLIENTS (2000 in mode pool, 500 in mode fork), SPEAKERS (4) and MESSAGES (1200 and
# 3000, of all speakers together) choose what is done. Ends with "N passed, N failed"; docs/bench.md explains
# the table.
# shellcheck disable=SC2034 # bench/servers.sh reads some of it
set -euo pipefail

speakers=${SPEAKERS:-4}
slack=10 # percent by which the last third may end above the second one: heaps are swept at their own pace
descriptors=$(ulimit -Hn)

# shellcheck source=bench/servers.sh
source bench/servers.sh
# shellcheck source=bench/processes.sh
source bench/processes.sh

if (($# != 2)); then
  echo "usage: bench/room.sh LUASERVE BUILT" >&2
  exit 64
fi
luaserve=$(realpath "$1") built=$(realpath "$2")
for mode in ${MODE:-}; do
  if [[ $mode != fork && $mode != pool ]]; then fail "MODE: \"$mode\" is neither fork nor pool"; fi
done
for number in ${CLIENTS:-} "$speakers" ${MESSAGES:-}; do
  if [[ ! $number =~ ^[1-9][0-9]*$ ]]; then fail "\"$number\" is not a number above 0"; fi
done

make_scripts() {
  mkdir "$work/scripts"
  cat > "$work/scripts/room.lua" <<'LUA'
local app = require "luaserve"

app:ws("/room", function(_, ws)
  local channel = app.channel("room")
  local room <close> = channel:subscribe()
  ws:send("joined")
  for source, message, missed in ws:events(room) do
    if source == ws then channel:publish(message) else ws:send(missed and "missed " .. missed or message) end
  end
end)
LUA
}

# open_house MODE: a server on any free port, which `port` is then.
open_house() {
  local name=$1 line settings=(--set "processes.mode=$1" --set "processes.max_clients=$((count + 10))")
  mkfifo "$work/ready"
  set -m
  "$luaserve" --host 127.0.0.1 --port 0 --scripts "$work/scripts" --www "$www" --set log.level=warn \
    "${settings[@]}" > "$work/ready" 2> "$work/log" < /dev/null &
  set +m
  pids[$name]=$!
  read -r -t "$start_deadline" line < "$work/ready" || { cat "$work/log" >&2; fail "no server in mode $1"; }
  rm "$work/ready"
  port=${line##*:}
}

# part NAME NUMBER: reads how one part of the load went; false unless so many came, without a fault.
part() {
  local name
  IFS=$'\t' read -r -u "${load[0]}" name got faults seconds || fail "the load generator ended"
  [[ $name == "$1" ]] || fail "$name where $1 should be"
  ((faults == 0 && got == $2))
}

# third MODE N: the messages of the Nth third, and the memory after it.
third() {
  local before=$said
  said=$((each * $2 / 3))
  check "$1: each of $count clients receives messages $((before * speakers)) to $((said * speakers)) once" \
    part third $(((said - before) * speakers * count))
  spent=$(awk "BEGIN { print $spent + $seconds }") received=$((received + got))
  after[$2]=$(pss "$1")
  go
}

is_bounded() { ((after[3] * 100 <= after[2] * (100 + slack))); } # the first third is for growing up

# Whoever serves as root is told so at the start, and that is all.
is_quiet() {
  ! grep -v 'serving as root' "$work/log"
}

# fill MODE COUNT MESSAGES
fill() {
  local before after=() joined received=0 spent=0 said=0 processes n
  count=$2 messages=$3 each=$(($3 / speakers))
  open_house "$1"
  processes=$(processes_of "$1" | wc -l)
  before=$(pss "$1")
  coproc load { "$built/room" "$port" /room "$count" "$speakers" "$messages"; }
  local load_pid=$!
  check "$1: $count clients join" part joined "$count"
  joined=$seconds
  after[0]=$(pss "$1")
  go
  for n in 1 2 3; do third "$1" "$n"; done
  check "$1: memory is bounded (KiB after each third: ${after[*]:1})" is_bounded
  check "$1: all clients leave, and are told that they may" part left "$count"
  go
  wait "$load_pid" || :
  check "$1: nothing is left of them" is_empty "$1" "$processes"
  after[4]=$(pss "$1")
  check "$1: nothing is logged of them" is_quiet
  stop "$1"
  awk -v mode="$1" -v n="$count" -v joined="$joined" -v said="$((said * speakers))" -v spent="$spent" \
    -v received="$received" -v before="$before" -v after="${after[*]}" 'BEGIN {
      split(after, m)
      printf "| %s | %d | %.1f | %d | %.1f | %.0f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", mode, n, joined,
        said, spent, received / spent, before / 1024, m[1] / 1024, m[2] / 1024, m[3] / 1024, m[4] / 1024,
        m[5] / 1024 }' >> "$table"
}

table=$built/room.md
mkdir "$www"
make_scripts
{
  echo "| mode | clients | all joined after s | messages | said in s | received a second | MiB before |" \
    "joined | after a third | two | all | left |"
  echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
} > "$table"
for mode in ${MODE:-pool fork}; do
  if [[ $mode == pool ]]; then most=2000 many=1200; else most=500 many=3000; fi
  fill "$mode" "${CLIENTS:-$most}" "${MESSAGES:-$many}"
done
cat "$table"
echo "$passed passed, $failed failed"
((failed == 0))
