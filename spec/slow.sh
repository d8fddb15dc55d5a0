#!/bin/bash
# slowhttptest's four attacks, with the limits of the default configuration, while an innocent
# client asks ten times a second: slow.sh BIN [SECONDS]. Each of its requests has to be answered
# within two seconds. Ends with "N passed, N failed", an attack being one test.
set -euo pipefail

bin=$(realpath "$1") seconds=${2:-40} clients=800
command -v slowhttptest > /dev/null || {
  echo "slow: skipped, not installed: slowhttptest (Debian: apt install slowhttptest)"
  exit 0
}
. spec/server.sh
cd "$work"
ulimit -n "$(ulimit -Hn)"

mkdir -p www scripts
head -c 3000000 /dev/zero > www/large.bin
echo 'require "luaserve":post("/body", function(req) return tostring(#req:body()) end)' > scripts/app.lua
echo page > www/page.txt
echo 'return { host = "127.0.0.1", port = 0, log = { level = "error" } }' > config.lua
serve "$bin"

passed=0 failed=0
attack() { # NAME ARGUMENTS...
  local name=$1 asked=0 lost=0
  shift
  slowhttptest -c "$clients" -r 200 -l "$seconds" -p 3 "$@" > "$name.log" 2>&1 &
  local attacker=$!
  while kill -0 "$attacker" 2> /dev/null; do
    asked=$((asked + 1))
    curl -sS --noproxy '*' -m 2 "$url/page.txt" 2>> lost | grep -qx page || lost=$((lost + 1))
    sleep 0.1
  done
  wait "$attacker" || true
  echo "$name: $asked requests of an innocent client, $lost lost; slowhttptest says:" \
    "$(sed 's/\x1b\[[0-9;]*m//g' "$name.log" | grep -aoE 'service available: +[A-Z]+|Exit status: .*' |
      tr -s ' ' | sort | uniq -c | tr -s ' ' | paste -sd ,)"
  if [ "$lost" -eq 0 ] && [ "$asked" -gt 10 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

attack "slow heads" -H -i 5 -t GET -u "$url/page.txt" -x 24
attack "slow bodies" -B -i 5 -s 8192 -t POST -u "$url/body" -x 24
attack "slow reading" -X -w 64 -y 128 -n 2 -z 16 -k 3 -u "$url/large.bin"
attack "ranges" -R -a 1 -b 3000 -t GET -u "$url/large.bin"

stop || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
