#!/bin/bash
# Kill -9 at any instruction: kills.sh BIN SECONDS. Clients whose handlers change shared dictionaries and
# publish to a channel as fast as they can, others that subscribe to it, and a killer of random workers, in
# both modes. Afterwards the counters are what is recorded, and at most one more for each kill; every key
# can be read, and is whole; subscribers that lived had every message once, in order; and the server serves
# and ends well. Ends with "N passed, N failed".
set -euo pipefail

bin=$(realpath "$1") duration=${2:-60}
clients=6 pressers=4 root=$PWD
. spec/server.sh
lua=$(command -v lua5.4 || true)
"${lua:-false}" -e 'require "socket"' 2> /dev/null ||
  { echo "kills: skipped, not installed: LuaSocket for lua5.4"; exit 0; }
export LUA_PATH="$root/src/lua/?.lua;;"
cd "$work"
mkdir scripts
cp "$root/spec/kills_app.lua" scripts/app.lua

client() { # ROLE ARGUMENT...
  local role=$1
  shift
  (cd "$root" && exec "$lua" spec/kills.lua "$role" "$port" "$work" "$@") >> said 2>&1
}
await() { # CONDITION..., for 20 s at most
  for _ in $(seq 200); do if "$@"; then return 0; fi; sleep 0.1; done
  return 1
}
listeners_are_safe() { [ "$(find safe -type f | wc -l)" -ge "$1" ]; }
nobody_left() { [ "$mode" = pool ] || ! pgrep -P "$pid" > /dev/null; }
# Workers of this server alone: its children. (pgrep would look at all processes there are.)
killer() { # SECONDS between two kills
  while [ $SECONDS -lt $end ]; do
    sleep "$1"
    read -r -a victims < "/proc/$pid/task/$pid/children" || true # no line's end there
    [ ${#victims[@]} -gt 0 ] || continue
    victim=${victims[RANDOM % ${#victims[@]}]}
    if [ ! -e "safe/$victim" ] && kill -KILL "$victim"; then echo "$victim" >> killed; fi
  done
}

passed=0 failed=0
check() { # WHAT CONDITION...
  local what=$1
  shift
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $what"; fi
}
counted() { grep -c "$@" || true; }

attack() { # MODE PAUSE SAFE: that many subscribers are not killed, as many more may be
  mode=$1
  rm -rf safe recorded wrong killed said
  mkdir safe recorded
  touch killed said
  cat > config.lua <<LUA
return { host = "127.0.0.1", port = 0, log = { level = "error" }, shared = { size = "2M" },
  processes = { mode = "$mode", workers = 4 }, limits = { requests_per_client = 1000000000 } }
LUA
  serve "$bin"
  local workers='' listeners='' i room
  room=$(curl -s -m 20 "$url/room")
  for i in $(seq "$3"); do client listener "$i" safe & listeners="$listeners $!"; done
  check "no subscriber has come" await listeners_are_safe "$([ "$mode" = pool ] && echo 1 || echo "$3")"
  for i in $(seq "$3"); do client listener "$((i + $3))" & listeners="$listeners $!"; done
  end=$((SECONDS + duration))
  for i in $(seq "$clients"); do client worker "$i" "$duration" & workers="$workers $!"; done
  for i in $(seq "$pressers"); do client presser "$duration" & workers="$workers $!"; done
  jobs="$listeners $workers"
  killer "$2" 2> /dev/null &
  workers="$workers $!" jobs="$jobs $!"
  for i in $workers; do wait "$i" || true; done
  check "the end cannot be told" curl -s -m 20 -o /dev/null "$url/end"
  for i in $listeners; do wait "$i" || true; done
  jobs=''
  (cd "$root" && "$lua" spec/kills.lua judge "$port" "$work" "$room") > judged 2>&1 || true
  grep -v ' passed, ' judged || true
  local counts
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' judged)
  counts=${counts:-0 1}
  passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
  echo "$mode: $(awk '$1 == "worker:" { b += $3; s += $5 } $1 == "listener:" { n += $3 }
    END { print b " batches in " s " sessions, " n " messages" }' said)"
  grep '^FAILED' said | sort | uniq -c | head -n 20 || true
  check "a client ended badly" [ "$(counted '^worker:\|^presser\|^listener:' said)" -eq $((clients + pressers + 2 * $3)) ]
  check "a client was not served" [ "$(counted '^FAILED' said)" -eq 0 ]
  check "there are other errors than kills" [ "$(grep ' error ' log | counted -v 'killed by signal 9\|SIGKILL')" -eq 0 ]
  check "a process is left" await nobody_left
  check "it did not end well" stop
}

attack fork 0.01 2
attack pool 0.2 1
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
