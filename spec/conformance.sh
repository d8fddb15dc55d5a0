#!/bin/sh
# Runs cases of public HTTP suites against the server: conformance.sh BIN CASES, where CASES is the
# folder that holds run.py and cases/. Each case is sent whole, in pieces of 7 bytes and byte by
# byte. Ends with "N passed, N failed"; only what an RFC demands ("must") counts as a failure.
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
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
