-- The headline of the front page is what GET /hello answers.
-- Every file of this folder runs once, when the server starts.
local app = require "luaserve"

-- The classic answer: 22 bytes of text/html.
app:get("/hello", function()
  return {
    headers = { ["Content-Type"] = "text/html" },
    body = "<h1>Hello, World!</h1>",
  }
end)

app:get("/hello/:name", function(req)
  return "<h1>Hello, " .. app.escape(req.params.name) .. "!</h1>"
end)
