#!/bin/sh
# Requests a second of the server, beside a pure assembly one that forks the same way and parses
# nothing: run.sh BIN NULL. Interleaved rounds on loopback, one thread of wrk; the medians, and
# the machine's busy time less wrk's in microseconds a request.
set -eu

bin=$1 null=$2 rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-3}
command -v wrk > /dev/null || { echo "bench: needs wrk (apt-get install wrk)"; exit 1; }
work=$(mktemp -d)
pids=''
cleanup() {
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkfifo "$work/ready"
"$bin" --host 127.0.0.1 --port 0 --scripts scripts --www www --set log.level=warn > "$work/ready" &
pids=$!
read -r line < "$work/ready"
ours=${line##*:}
# The null servers take their port as an argument: two free ones, found by binding port 0.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
keep=$(free_port) close=$(free_port)
"$null" "$keep" & pids="$pids $!"
"$null" "$close" close & pids="$pids $!"
until curl -s -o "$work/page" "http://127.0.0.1:$close/" && curl -s -o "$work/page" "http://127.0.0.1:$keep/"; do :; done

busy() { awk '/^cpu /{ print $2 + $3 + $4 + $7 + $8 }' /proc/stat; } # ticks of 10 ms

# measure NAME WRK-ARGUMENTS...: a line "NAME RATE CPU-US ERRORS".
measure() {
  name=$1; shift
  before=$(busy)
  /usr/bin/env time -f '%U %S' -o "$work/time" wrk -t1 "-d${seconds}s" "$@" > "$work/wrk"
  after=$(busy)
  awk -v name="$name" -v ticks="$((after - before))" -v spent="$(tr ' ' '+' < "$work/time" | bc)" '
    /requests in/ { requests = $1 } /^Requests\/sec/ { rate = $2 }
    /Socket errors|Non-2xx/ { errors = errors " " $0 }
    END { printf "%s %.0f %.1f%s\n", name, rate, (ticks * 10000 - spent * 1000000) / requests,
          errors ? " errors:" errors : "" }' "$work/wrk" >> "$work/lines"
}

round=0
while [ "$round" -lt "$rounds" ]; do
  for clients in 32 256; do
    measure "null-keep-alive-$clients" "-c$clients" "http://127.0.0.1:$keep/hello"
    measure "luaserve-keep-alive-$clients" "-c$clients" "http://127.0.0.1:$ours/hello"
  done
  measure null-connection-each -c32 "http://127.0.0.1:$close/hello"
  measure luaserve-connection-each -c32 -H 'Connection: close' "http://127.0.0.1:$ours/hello"
  measure luaserve-file-keep-alive-32 -c32 "http://127.0.0.1:$ours/index.html"
  round=$((round + 1))
done

sort -k1,1 -k2,2n "$work/lines" | awk '
  { rate[$1, ++n[$1]] = $2; cpu[$1, n[$1]] = $3; if (NF > 3) bad[$1] = $0 }
  END { for (name in n) { m = int((n[name] + 1) / 2)
          printf "%-30s %8d requests/s  %6.1f us CPU a request %s\n", name, rate[name, m], cpu[name, m],
                 bad[name] } }' | sort
