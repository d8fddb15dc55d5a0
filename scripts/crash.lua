-- Three ways to go wrong. Whoever asks gets a clean answer; the
-- log says why, under its id. At worst one client's process ends.
local app = require "luaserve"

-- What a bug in a C module does: SIGABRT.
app:post("/crash/abort", function()
  if app.mode == "pool" then
    return { status = 409, text = "Others share this process." }
  end
  package.loadlib("libc.so.6", "abort")()
end)

app:post("/crash/memory", { memory = "8M" }, function()
  local all = {}
  while true do all[#all + 1] = ("x"):rep(1024) .. #all end
end)

app:post("/crash/loop", { wall = "500ms" }, function()
  while true do end
end)
