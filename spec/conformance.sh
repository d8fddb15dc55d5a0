#!/bin/sh
# Runs cases of public suites against the server: conformance.sh BIN CASES, where CASES is the folder
# that holds run.py and cases/ for HTTP, and ws_run.py for WebSockets. Each case of HTTP is sent whole, in
# pieces of 7 bytes and byte by byte; only what an RFC demands ("must") counts as a failure. Those
# of WebSockets run in both modes, with ALL=1 in all their sizes; all of their failures count. Ends
# with "N passed, N failed".
set -eu

bin=$1 cases=${2-}
if [ -z "$cases" ] || [ ! -f "$cases/run.py" ]; then
  echo "conformance: skipped, no cases given (make conformance CASES=dir)"
  exit 0
fi

. spec/server.sh

python3 "$cases/run.py" --www "$work/root/www" --make-www > /dev/null
mkdir "$work/scripts"
cat > "$work/scripts/echo.lua" <<'LUA'
local app = require "luaserve"
app:post("/echo", function(req)
  return { headers = { ["Content-Type"] = "application/octet-stream" }, body = req:body() }
end)
LUA
cat > "$work/config.lua" <<LUA
return {
  host = "127.0.0.1", port = 0, www = "root/www", scripts = "scripts", log = { level = "error" },
  limits = { head_timeout = "5m", min_rate = 0 }, -- large requests come byte by byte
}
LUA

serve "$bin"

passed=0 failed=0
for chop in 0 7 1; do
  set -- --port "$port" --www "$work/root/www" --route echo=/echo
  [ "$chop" -eq 0 ] || set -- "$@" --chop "$chop"
  python3 "$cases/run.py" "$@" > "$work/out" 2>&1 || true
  musts=$(sed -n 's/^must-failures: \([0-9]*\), .*/\1/p' "$work/out")
  good=$(sed -n 's/^\([0-9]*\) passed, .*/\1/p' "$work/out")
  grep -A 1 '^  \[must\]' "$work/out" || true
  echo "chop $chop: $(grep '^must-failures' "$work/out" || echo 'the runner failed')"
  passed=$((passed + ${good:-0})) failed=$((failed + ${musts:-1}))
done
stop || failed=$((failed + 1))

cat > "$work/scripts/echo.lua" <<'LUA'
require "luaserve":ws("/ws", { message = "16M" }, function(_, ws)
  for message, kind in ws:messages() do ws:send(message, kind) end
end)
LUA
full=${ALL:+--full}
for mode in fork pool; do
  [ -f "$cases/ws_run.py" ] || break
  cat > "$work/config.lua" <<LUA
return { host = "127.0.0.1", port = 0, scripts = "scripts", processes = { mode = "$mode" }, log = { level = "error" } }
LUA
  serve "$bin"
  # shellcheck disable=SC2086 # no word where it is empty
  python3 "$cases/ws_run.py" --port "$port" --path /ws $full > "$work/out" 2>&1 || true
  sed -n '/^FAILURES/,/^$/p' "$work/out"
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$work/out")
  echo "WebSockets, mode $mode${full:+, $full}: $(tail -n 1 "$work/out")"
  counts=${counts:-0 1}
  passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
  stop || failed=$((failed + 1))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
