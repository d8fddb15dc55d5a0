-- A number that all processes share, and that outlives them.
local app = require "luaserve"
local pid = require "pid"

local numbers = app.shared "numbers"   -- what is the case
local changes = app.channel "numbers"  -- what happens

app:post("/counter", function()
  local count = numbers:incr "clicks"
  changes:publish "clicks"
  return { json = { count = count } }
end)

-- The number now, and whenever it has changed.
app:ws("/counter", function(_, ws)
  local news = changes:subscribe()
  local function tell()
    ws:send { count = numbers:get "clicks" or 0, pid = pid() }
  end
  tell()
  for _ in ws:events(news) do tell() end
end)
