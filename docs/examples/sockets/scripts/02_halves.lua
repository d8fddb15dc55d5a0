-- 2. Two descriptors of one connection. shutdown ends a direction of the connection, whichever descriptor it is
-- called on; close gives back a number, and the connection lasts until its last one is given back.
local app = require "luaserve"

local DIRECTIONS = { read = true, write = true, both = true }

app:tcp("127.0.0.1:3002", function(conn)
  local twin = conn:dup()
  conn:write("descriptors ", conn:fd(), " and ", twin:fd(), ": shut down read, write, or both?\n")
  local how = conn:read "line"
  if not DIRECTIONS[how] then return end
  conn:shutdown(how)
  local said, _, code = twin:write("you still hear me\n")
  twin:close()
  app.log.info("shut down", how, "- writing:", said and "well" or code, "- heard since:", conn:read "all")
end)
