-- 4. listen and accept: a new descriptor for each client, and the address it comes from. (The log has it too.)
local app = require "luaserve"

app:tcp("127.0.0.1:3004", function(conn)
  local ip, port = conn:peer()
  conn:write("new connection from ", ip, " port ", port, "\n")
end)
