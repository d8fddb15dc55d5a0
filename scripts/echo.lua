-- The body of a request back, byte for byte.
local app = require "luaserve"

app:post("/echo", function(req)
  return {
    headers = { ["Content-Type"] = req.headers["content-type"] or "application/octet-stream" },
    body = req:body(),
  }
end)
