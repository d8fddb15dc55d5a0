-- What the front page has to know: how the server was started, and the scripts that it shows. They are
-- read when they are loaded, so what is shown is what runs; a demo whose script is gone is not shown.
local app = require "luaserve"
local pid = require "pid"

local server = pid() -- the process that loads the scripts
local folder = package.path:match "^(.-)lib/%?%.lua"

local sources = {}
for _, name in ipairs { "hello", "process", "clock", "counter", "chat", "crash" } do
  local file <close> = io.open(folder .. name .. ".lua")
  sources[name] = file and file:read "a"
end

app:get("/front", function()
  return { json = { server = server, mode = app.mode, dev = app.dev, version = app.version, sources = sources } }
end)
