-- 6. Echo: what a client says, back to it, until it has said all.
local app = require "luaserve"

app:tcp("127.0.0.1:3006", function(conn)
  for line in conn:lines() do conn:write(line, "\n") end
end)
