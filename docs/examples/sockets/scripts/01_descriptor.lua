-- 1. A socket is a number: the descriptor by which its process names it.
local app = require "luaserve"

app:tcp("127.0.0.1:3001", function(conn)
  conn:write("your connection is descriptor ", conn:fd(), "\n")
  local made <close> = assert(app.connect("127.0.0.1", 3004)) -- step 4 listens there
  conn:write("a socket made now is descriptor ", made:fd(), "\n")
end)
