-- 10. A chat room: a WebSocket for each page, each in its own process; a channel between the processes; a shared
-- dictionary of who is there. Pages get JSON: { you }, { from, text }, { joined }, { left }, each with `people`
-- when that has changed, and with `missed` when the page was too slow for the channel.
local app = require "luaserve"
local pid = require "pid"

local STAYS = "30s" -- in the dictionary without a sign of life, since a process may be killed
local TICK = "10s"

local room, present = app.channel "chat", app.shared "chat"

local function people()
  local list = app.json.array {}
  for _, id in ipairs(present:keys()) do list[#list + 1] = present:get(id) end
  table.sort(list, function(a, b) return a.name < b.name or a.name == b.name and a.id < b.id end)
  return list
end

-- Enters the room, and leaves it when what is returned is closed: however the handler ends.
local function enter(me)
  present:set(me.id, me, STAYS)
  room:publish { joined = me }
  return setmetatable({}, { __close = function()
    present:delete(me.id)
    room:publish { left = me }
  end })
end

app:ws("/chat", { message = "4K" }, function(req, ws)
  local name = (req.query.name or ""):match "^%s*(.-)%s*$"
  if name == "" or utf8.len(name) > 30 then return ws:close(4000, "A name has 1 to 30 characters.") end
  local me = { id = app.random(8, "hex"), name = name, pid = pid() }
  ws:send { you = me }
  local news <close> = room:subscribe()
  local _ <close> = enter(me)
  for source, message, extra in ws:events(news, { timeout = TICK }) do
    present:set(me.id, me, STAYS)
    if source == "timeout" then
      ws:send { people = people() }
    elseif source == news then
      if not message.text then message.people = people() end
      message.missed = extra
      ws:send(message)
    elseif extra == "text" and message:find "%S" then
      room:publish { from = me, text = message }
    end
  end
end)
