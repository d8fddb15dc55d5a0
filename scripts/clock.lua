-- A clock: server-sent events, until whoever listens has left.
-- A plain loop: while it sleeps, it holds nobody else up.
local app = require "luaserve"
local pid = require "pid"

app:get("/clock", function(_, res)
  res:event_stream { retry = "1s" }
  while true do
    res:event("tick", { time = os.date "%H:%M:%S", pid = pid() })
    app.sleep "1s"
  end
end)
