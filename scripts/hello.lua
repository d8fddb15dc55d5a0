-- The demo: what `curl localhost:3000/hello` talks to. Every file of this folder runs once, when
-- the server starts; what it registers here answers in each client's own process.
local app = require "luaserve"

-- The classic answer: 22 bytes of text/html.
app:get("/hello", function()
  return { headers = { ["Content-Type"] = "text/html" }, body = "<h1>Hello, World!</h1>" }
end)

app:get("/hello/:name", function(req)
  return "<h1>Hello, " .. app.escape(req.params.name) .. "!</h1>"
end)

-- Whom the server sees, and which of its processes looks.
local function pid()
  local stat <close> = assert(io.open("/proc/self/stat"))
  return stat:read("n")
end

app:get("/whoami", function(req)
  return { json = { ip = req.ip, port = req.port, pid = pid() } }
end)

-- The body back, byte for byte.
app:post("/echo", function(req)
  return {
    headers = { ["Content-Type"] = req.headers["content-type"] or "application/octet-stream" },
    body = req:body(),
  }
end)
