-- 5. A client with a port of its own: bind, then connect. Either can fail, and says why: somebody else has the
-- port, or the same pair of ports stands already, or lingers (the side that closes first keeps it for a while).
local app = require "luaserve"

app:get("/client", function()
  local conn, message, code = app.connect("127.0.0.1", 3006, { local_port = 3050, timeout = "3s" })
  if not conn then return { status = 502, text = code .. ": " .. message .. "\n" } end
  local answer = conn:write("hello from port 3050\n"):read "line"
  conn:close()
  return { text = answer .. "\n" }
end)
