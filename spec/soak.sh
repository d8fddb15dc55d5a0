#!/bin/bash
# A long mixed load: soak.sh BIN MINUTES (a decimal: 1 is what CI has time for). Innocent clients
# that verify every answer, beside them clients that throw bombs, that send garbage, that stall,
# that go away; workers that are killed from outside; reloads. Afterwards the server has as many
# descriptors as before and no child, has grown by no more than a tenth, and serves. Ends with
# "N passed, N failed".
set -euo pipefail

bin=$(realpath "$1") minutes=${2:-20}
innocents=8 bombers=2 # a fifth of them throws bombs
root=$PWD
. spec/server.sh
lua=$(command -v lua5.4 || true)
"${lua:-false}" -e 'require "socket"' 2> /dev/null ||
  { echo "soak: skipped, not installed: LuaSocket for lua5.4"; exit 0; }
export LUA_PATH="$root/src/lua/?.lua;;"
duration=$(awk -v minutes="$minutes" 'BEGIN { print int(minutes * 60 + 0.5) }')
cd "$work"

mkdir -p www scripts workers killed
head -c 300000 /dev/urandom > www/large.bin
seq 1 20000 > www/text.txt
eval "$(cd "$root" && "$lua" -e 'print(dofile("spec/bombs.lua").compile(arg[1], arg[2]))' /dev/null \
  "$root/spec/bombs.c" "$work")"
script() { # VERSION: of two that do the same
  echo "-- version $1"
  (cd "$root" && "$lua" -e 'io.write(dofile("spec/bombs.lua").script "300ms")')
  cat <<'LUA'
app:post("/echo", function(req) return { body = req:body() } end)
app:get("/pieces", function(req, res)
  for i = 1, math.tointeger(req.query.n) do res:write("piece " .. i .. "\n") res:flush() end
end)
LUA
}
script 1 > script.1
script 2 > script.2
cp script.1 scripts/app.lua
cat > config.lua <<'LUA'
return { host = "127.0.0.1", port = 0, compress = true, listing = true,
  limits = { memory = "64M", head_timeout = "2s", idle_timeout = "5s" } }
LUA
ulimit -n 4096 # what a bomb of descriptors takes a while to open
serve "$bin"

memory() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status"; } # KiB
descriptors() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
children() { pgrep -P "$pid" | wc -l; }
zombies() { pgrep -P "$pid" -r Z | wc -l; }
shared_memory() { find /dev/shm -mindepth 1 | sort; ipcs; }
leftovers() { # processes that bombs have started in this folder
  for process in $(pgrep -x sleep); do
    [ "$(readlink "/proc/$process/cwd" || true)" != "$work" ] || echo "$process"
  done 2> /dev/null
}
await() { # CONDITION..., for 30 s at most
  for _ in $(seq 300); do if "$@"; then return 0; fi; sleep 0.1; done
  return 1
}
nobody_left() { [ "$(children)" -eq 0 ]; }
reloads() { grep -c 'reloaded: generation' log || true; }
reload() { # VERSION
  cp "script.$1" scripts/app.tmp
  mv scripts/app.tmp scripts/app.lua
  kill -HUP "$pid"
}
reloaded() { [ "$(reloads)" -ge "$1" ]; }
client() { # ROLE SECONDS SEED
  (cd "$root" && exec "$lua" spec/soak.lua "$1" "$port" "$work" "$2" "$3") >> "$work/said" 2>&1
}

# What is to stay as it is, once everything has happened for the first time.
client bomber 5 1 & jobs="$jobs $!"
for round in 1 2 3 4; do
  client innocent 1 "$round"
  reload $((round % 2 + 1))
  await reloaded "$round"
done
for job in $jobs; do wait "$job" || true; done
await nobody_left
jobs='' before=$(memory) fds=$(descriptors) shared=$(shared_memory) warm=$(reloads)
mv said said.warm
for seed in $(seq "$innocents"); do client innocent 5 "$seed" & jobs="$jobs $!"; done
for job in $jobs; do wait "$job" || true; done
jobs=''
mv said said.calm
times() { awk '$1 == "times:" { if ($3 > p50) p50 = $3; if ($5 > p99) p99 = $5 } END { print "p50 " p50 ", p99 " p99 }' "$1"; }
end=$((SECONDS + duration))

bad_clients() {
  while [ $SECONDS -lt $end ]; do
    head -c 3000 /dev/urandom > "/dev/tcp/127.0.0.1/$port" || true
    curl -s -m 0.05 -o /dev/null --limit-rate 10K "$url/large.bin" || true
    curl -s -m 3 -o /dev/null --compressed "$url/text.txt" || true
    curl -s -m 3 -o /dev/null -r 0-10,500-600,-5 "$url/large.bin" || true
    exec 9<> "/dev/tcp/127.0.0.1/$port" && printf 'GET /he' >&9 # stalls until the next round
    sleep 0.1
  done
}
# Workers of innocents, whose numbers these have written down.
killer() {
  while [ $SECONDS -lt $end ]; do
    sleep "0.$((RANDOM % 4 + 1))"
    victim=$(find workers -type f -printf '%f\n' | shuf -n 1)
    if [ -n "$victim" ] && pgrep -P "$pid" | grep -qx "$victim"; then
      : > "killed/$victim"
      if kill -KILL "$victim"; then echo "$victim" >> kills; fi
    fi
  done
}
reloader() {
  while [ $((SECONDS + 5)) -lt $end ]; do
    sleep 5
    reload 1
    echo >> asked
    sleep 5
    reload 2
    echo >> asked
  done
}
touch kills asked
bad_clients 2> /dev/null & jobs="$jobs $!"
killer 2> /dev/null & jobs="$jobs $!"
reloader & jobs="$jobs $!"
for seed in $(seq "$innocents"); do client innocent "$duration" "$RANDOM$seed" & jobs="$jobs $!"; done
for seed in $(seq "$bombers"); do client bomber "$duration" "$RANDOM$seed" & jobs="$jobs $!"; done
for job in $jobs; do wait "$job" || true; done
jobs=''

passed=0 failed=0
check() { # WHAT CONDITION...
  local what=$1
  shift
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $what"; fi
}
sum() { awk -v role="$1:" -v what="$2" '$1 == role { for (i = 2; i < NF; i += 2) if ($i == what) n += $(i + 1) } END { print n + 0 }' said; }
await nobody_left || true
after=$(memory)
for role in innocent bomber; do
  echo "${role}s: asked $(sum $role asked), right $(sum $role right), retried $(sum $role retried)," \
    "killed from outside $(sum $role killed), failed $(sum $role failed)"
done
echo "/hello in ms, of the worst client: $(times said), without bombs: $(times said.calm)"
echo "killed $(wc -l < kills), reloads $(($(reloads) - warm)), supervisor: $before KiB, then $after KiB"
grep '^FAILED' said | sort | uniq -c | sort -rn | head -n 20 || true
check "a client ended badly" [ "$(grep -c '^innocent:\|^bomber:' said)" -eq $((innocents + bombers)) ]
check "no innocent was served" [ "$(sum innocent right)" -gt 0 ]
check "an innocent got what it had not asked for" [ "$(sum innocent failed)" -eq 0 ]
check "not every question of an innocent was answered" \
  [ "$(sum innocent asked)" -eq $(($(sum innocent right) + $(sum innocent killed))) ]
check "more innocents saw a killed worker than workers were killed" [ "$(sum innocent killed)" -le "$(wc -l < kills)" ]
check "a bomb had another answer than it should" [ "$(sum bomber failed)" -eq 0 ]
check "no bomb was thrown" [ "$(sum bomber right)" -gt 0 ]
check "reloads are missing: $(wc -l < asked) were asked for" [ $(($(reloads) - warm)) -eq "$(wc -l < asked)" ]
check "the system refused something" [ "$(grep -c 'Z error cannot ' log || true)" -eq 0 ]
check "a child is left" nobody_left
check "a zombie is left" [ "$(zombies)" -eq 0 ]
check "a process that a bomb started is left" [ -z "$(leftovers)" ]
check "descriptors are left: $fds before, $(descriptors) now" [ "$(descriptors)" -eq "$fds" ]
check "shared memory is left" [ "$(shared_memory)" = "$shared" ]
check "the supervisor has grown" [ "$after" -le $((before + before / 10)) ]
check "it does not serve" [ "$(curl -s -m 5 "$url/hello?n=1")" = "hello 1" ]
check "it did not end well" stop
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
