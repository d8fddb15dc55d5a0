-- 7. One process a client: fork after accept. Nobody waits for anybody, and `lines` is each client's own, since
-- its process has a copy. (In mode pool a few processes serve all, and the clients of one share it.)
local app = require "luaserve"
local pid = require "pid"

local lines = 0

app:tcp("127.0.0.1:3007", function(conn)
  for line in conn:lines() do
    lines = lines + 1
    conn:write("process ", pid(), ", line ", lines, ": ", line, "\n")
  end
end)
