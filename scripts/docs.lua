-- The guide at /docs/: what `make docs` makes of docs/*.md.
local app = require "luaserve"

-- Beside the folder of this script, wherever that lies.
local folder = package.path:match "^(.-)/lib/%?%.lua" .. "/../build/docs"

local index = io.open(folder .. "/index.html")
if index then
  index:close()
  app:static("/docs", folder, { listing = true })
else
  app:get("/docs(/*path)", function()
    return { status = 404, html = [[<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The guide is not made yet</title>
<h1>The guide is not made yet</h1>
<p><code>make docs</code> makes these pages of <code>docs/*.md</code>; then start the server again, or send it SIGHUP.
The files in <code>docs/</code> can be read as they are, too.</p>
</html>
]] }
  end)
end
