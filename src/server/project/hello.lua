-- Each script of this folder runs once, in the order of the names; what it registers here answers requests.
local app = require "luaserve"

app:get("/hello(/:name)", function(req)
  return "Hello, " .. app.escape(req.params.name or "World") .. "!"
end)

app:post("/sum", function(req)
  local total = 0
  for _, number in ipairs(req:json()) do total = total + number end
  return { json = { total = total } }
end)
