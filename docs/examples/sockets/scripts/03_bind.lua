-- 3. bind gives a socket its address. Start the examples twice: the second server says which address is taken,
-- and where it stands, and ends with status 69.
local app = require "luaserve"

app:tcp("127.0.0.1:3003", function(conn) conn:write("bound\n") end)
