#!/bin/bash
# A long mixed load: soak.sh BIN MINUTES. Good clients on keep-alive and on a connection each,
# clients that send garbage, that stall, that go away, and handlers that crash, loop and grow.
# Afterwards the server has as many descriptors as before and no child, has grown by no more than
# a tenth, and serves. Ends with "N passed, N failed".
set -euo pipefail

bin=$(realpath "$1") minutes=${2:-30}
command -v wrk > /dev/null || { echo "soak: skipped, not installed: wrk"; exit 0; }
. spec/server.sh
cd "$work"

mkdir -p www scripts
head -c 300000 /dev/urandom > www/large.bin
seq 1 20000 > www/text.txt
cat > scripts/app.lua <<'LUA'
local app = require "luaserve"
app:get("/hello", function() return "hello" end)
app:post("/echo", function(req) return { body = req:body() } end)
app:get("/loop", function() while true do end end)
app:get("/grow", function() local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end end)
app:get("/crash", function() os.execute("kill -SEGV $PPID") end)
app:get("/stream", function(_, res) for i = 1, 50 do res:write("piece " .. i .. "\n") res:flush() end end)
LUA
cat > config.lua <<'LUA'
return { host = "127.0.0.1", port = 0, compress = true, listing = true,
  limits = { wall = "300ms", memory = "8M", head_timeout = "2s", idle_timeout = "5s" },
  log = { level = "off" } }
LUA
serve "$bin"

memory() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status"; } # KiB
descriptors() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
children() { pgrep -P "$pid" | wc -l; }

wrk -t 1 -c 20 -d 5s "$url/hello" > /dev/null
until [ "$(children)" -eq 0 ]; do sleep 0.2; done
before=$(memory) fds=$(descriptors) end=$((SECONDS + minutes * 60))

bad_clients() {
  while [ $SECONDS -lt $end ]; do
    for path in loop grow crash stream none text.txt; do
      curl -s -m 3 -o /dev/null --compressed "$url/$path" || true
    done
    head -c 3000 /dev/urandom > "/dev/tcp/127.0.0.1/$port" 2> /dev/null || true
    curl -s -m 0.05 -o /dev/null --limit-rate 10K "$url/large.bin" || true
    curl -s -o /dev/null -r 0-10,500-600,-5 "$url/large.bin" || true
    exec 9<> "/dev/tcp/127.0.0.1/$port" && printf 'GET /he' >&9 # stalls until the next round
  done
}
keep() { while [ $SECONDS -lt $end ]; do "$@" >> wrk.log; done; }
bad_clients 2> /dev/null & jobs="$jobs $!"
bad_clients 2> /dev/null & jobs="$jobs $!"
keep wrk -t 1 -c 10 -d 20s "$url/hello" & jobs="$jobs $!"
keep wrk -t 1 -c 5 -d 20s -H 'Connection: close' "$url/hello" & jobs="$jobs $!"
keep wrk -t 1 -c 5 -d 20s "$url/large.bin" & jobs="$jobs $!"
for job in $jobs; do wait "$job" || true; done
jobs=''

passed=0 failed=0
check() { # WHAT CONDITION...
  local what=$1
  shift
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $what"; fi
}
for _ in $(seq 100); do [ "$(children)" -gt 0 ] || break; sleep 0.2; done
after=$(memory)
echo "requests of good clients: $(awk '/requests in/ { n += $1 } END { print n }' wrk.log)," \
  "errors: $(grep -c 'Socket errors\|Non-2xx' wrk.log || true); supervisor: $before KiB, then $after KiB"
check "a child is left" [ "$(children)" -eq 0 ]
check "descriptors are left: $fds before, $(descriptors) now" [ "$(descriptors)" -eq "$fds" ]
check "the supervisor has grown" [ "$after" -le $((before + before / 10)) ]
check "good clients saw errors" [ "$(grep -c 'Socket errors\|Non-2xx' wrk.log || true)" -eq 0 ]
check "it does not serve" [ "$(curl -s -m 5 "$url/hello")" = hello ]
check "it did not end well" stop
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
