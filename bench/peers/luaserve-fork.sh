# luaserve, every client a process of its own.
#
# Everything is at its default but what the other servers are given as well: requests on one
# connection and idle time without a bound, as many clients as the largest work brings. Limits of
# CPU, wall time and memory stay on: they are part of what it is.
# shellcheck shell=bash disable=SC2034,SC2154 # bench/run.sh sets and reads these
needs=''
can='hello close file echo ws'
mode=fork

settings=(--set log.level=warn --set limits.idle_timeout=1h
  --set limits.requests_per_client=1000000000 --set "processes.max_clients=${max_clients:-4096}")

installed() { "$luaserve" check --set "processes.mode=$mode" > /dev/null 2>&1; }

serve() {
  mkdir scripts
  cat > scripts/bench.lua <<'LUA'
local app = require "luaserve"
local name = "World"

app:get("/hello", function()
  return "<h1>Hello, " .. name .. "!</h1>"
end)

app:post("/echo", function(req)
  return { headers = { ["Content-Type"] = "application/octet-stream" }, body = req:body() }
end)

app:ws("/ws", function(_, ws)
  for message, kind in ws:messages() do ws:send(message, kind) end
end)
LUA
  exec "$luaserve" --host 127.0.0.1 --port "$port" --scripts scripts --www "$www" \
    --set "processes.mode=$mode" "${settings[@]}"
}
