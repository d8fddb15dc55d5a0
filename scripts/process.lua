-- Who asks, and which process answers.
local app = require "luaserve"
local pid = require "pid"

-- A variable is a process's own, and so in mode fork a client's:
-- 0 at first, as the scripts left it; the connection ends it.
local requests = 0

app:before(function() requests = requests + 1 end)

app:get("/process", function(req)
  return { json = { pid = pid(), requests = requests,
    ip = req.ip, port = req.port } }
end)

app:get("/whoami", function(req)
  return { json = { ip = req.ip, port = req.port, pid = pid() } }
end)
