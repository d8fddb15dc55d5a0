-- A chat: each guest has a WebSocket; a channel takes what one of
-- them says to all.
local app = require "luaserve"
local pid = require "pid"

local room = app.channel "chat"

app:ws("/chat", { message = "4K" }, function(req, ws)
  local name = req.query.name or "somebody"
  local heard = room:subscribe()
  ws:send { pid = pid() }
  for source, message in ws:events(heard) do
    if source == ws then
      room:publish { name = name, pid = pid(), text = message }
    else
      ws:send(message)
    end
  end
end)
